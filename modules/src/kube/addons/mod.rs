//! `k8s_addons`: whether each addon that is declared is installed, as declared, and running. Helm's releases are read without Helm.
//! It only reads (what differs by hand is found by dry runs) and never fails for what it finds. An addon that needs another one
//! that is not well is said to be blocked by it.

mod declared;
mod live;

use super::asks::Asks;
use super::cluster::Cluster;
use super::definition::parsed;
use super::health::row::{Problem, told};
use super::health::world::{Key, What, World, span};
use super::helm::release::{Revision, newest, revisions};
use super::helm::values::drift;
use super::way;
use crate::kube::fields::{name, namespace, text};
use crate::options::options;
use declared::Addon;
use muster_engine::module::{Context, Failure, Kind, Map, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// `k8s_addons`.
pub(crate) struct K8sAddons;

/// What a task gives to [`K8sAddons`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    addons: Json,
    requires: Map,
    namespace: String,
    pending_seconds: i64,
    compare: bool,
    timeout: f64,
}

const OWN: [Opt; 6] = [
    Opt::new(
        "addons",
        Kind::Raw,
        "What shall be there: `spec.addons` of a Konvoy cluster.yaml, or a list of names or mappings (`name`, `enabled`, `namespace`, `release`, `chart`, `version`, `values`, `workloads`, `requires`).",
    )
    .required(),
    Opt::new("requires", Kind::Dict, "Which addons need which, for those that do not say it themselves.").default("{}"),
    Opt::new("namespace", Kind::Str, "Where addons are that do not say it, if releases of one name are in several namespaces.").default("kubeaddons"),
    Opt::new("pending_seconds", Kind::Int, "How long an action of Helm's may take.").default("600"),
    Opt::new("compare", Kind::Bool, "Whether live objects are compared with what was rendered.").default("true"),
    Opt::new("timeout", Kind::Float, "Seconds each question may take.").default("30"),
];

impl Asks for K8sAddons {
    const NAME: &'static str = "k8s_addons";
    const SPEC: Spec = Spec::new("Finds whether the addons of a cluster are installed, as declared, and running.", options![OWN, way::OPTIONS]).examples(
        "- k8s_addons:\n    addons:\n      - name: cert-manager\n      - name: traefik\n        version: 1.72.18\n        values:\n          replicas: 2\n        requires: [cert-manager]\n  register: found\n\n- check:\n    id: \"{{ item.name }}\"\n    that: item.problems | length == 0\n    observed: \"{{ item.observed }}\"\n    required: installed, as declared, running\n    remedy: \"{{ item.remedy }}\"\n  loop: \"{{ found.addons }}\"\n",
    );
    const READS: bool = true;
    type Args = Args;

    async fn run(args: &Args, cluster: &Cluster, cx: &Context) -> Result<Output, Failure> {
        let parsed = |text: &str| parsed(text, cx).map_err(|failure| failure.message().to_string());
        let addons = declared::read(&args.addons, &args.requires, &parsed)
            .map_err(|why| Failure::new(format!("addons: {why}")))?;
        let world = World::look(cluster, Duration::from_secs_f64(args.timeout.clamp(1.0, 3600.0))).await?;
        let releases = revisions(cluster, None, None).await.map_err(|refusal| refusal.to_string());
        let site = Site { args, cluster, world: &world, releases };
        let mut found: Vec<(Addon, State)> = vec![];
        for addon in addons {
            let state = site.look(&addon, &parsed).await;
            found.push((addon, state));
        }
        let bad: BTreeMap<String, Vec<String>> = found
            .iter()
            .filter(|(_, state)| !state.problems.is_empty())
            .map(|(addon, _)| (addon.name.clone(), addon.requires.clone()))
            .collect();
        let addons: Json =
            found.iter().map(|(addon, state)| state.json(addon, &root(&addon.name, &bad))).collect();
        Ok(Output::new(false).with("addons", addons))
    }
}

/// The addon at the bottom of what an addon needs that is not well itself; empty if all it needs is.
fn root(name: &str, bad: &BTreeMap<String, Vec<String>>) -> String {
    let (mut at, mut seen) = (name, vec![]);
    while let Some(next) = bad.get(at).and_then(|needs| needs.iter().find(|need| bad.contains_key(*need))) {
        if seen.contains(&next.as_str()) {
            break;
        }
        seen.push(next);
        at = next;
    }
    if at == name { String::new() } else { at.to_string() }
}

/// What was found of one addon.
#[derive(Default)]
struct State {
    problems: Vec<Problem>,
    /// What could not be told.
    unknown: Vec<String>,
    release: Json,
}

impl State {
    fn json(&self, addon: &Addon, blocker: &str) -> Json {
        let mut map = json!({
            "name": addon.name,
            "severity": "error",
            "observed": told(self.problems.iter().map(|problem| &problem.observed).chain(&self.unknown)),
            "remedy": told(self.problems.iter().map(|problem| &problem.remedy)),
            "blocked_by": blocker,
            "release": self.release,
            "requires": addon.requires,
        });
        // What nobody can tell is no pass: without problems there is nothing to count.
        let all = self.problems.iter();
        let problems = all.map(|problem| json!({"observed": problem.observed, "remedy": problem.remedy}));
        if let Some(map) = map.as_object_mut()
            && (!self.problems.is_empty() || self.unknown.is_empty())
        {
            map.insert("problems".into(), problems.collect());
        }
        map
    }
}

struct Site<'a> {
    args: &'a Args,
    cluster: &'a Cluster,
    world: &'a World,
    releases: Result<Vec<Revision>, String>,
}

impl Site<'_> {
    async fn look(&self, addon: &Addon, parsed: &impl Fn(&str) -> Result<Json, String>) -> State {
        let mut state = State::default();
        for workload in &addon.workloads {
            self.named(addon, workload, &mut state);
        }
        match self.release(addon) {
            Ok(Some(revision)) => self.of_release(addon, revision, parsed, &mut state).await,
            Ok(None) if !addon.workloads.is_empty() => {}
            Ok(None) => state.problems.push(self.missing(addon)),
            Err(why) => state.unknown.push(why.clone()),
        }
        state
    }

    /// The newest revision of its release: by the name it says, its own, or the one Konvoy gives it.
    fn release(&self, addon: &Addon) -> Result<Option<&Revision>, &String> {
        let all = newest(self.releases.as_ref()?);
        let names = match &addon.release {
            Some(release) => vec![release.clone()],
            None => vec![format!("{}-kubeaddons", addon.name), addon.name.clone()],
        };
        for name in &names {
            let mut found: Vec<&&Revision> =
                all.iter().filter(|one| one.name == *name && one.status != "uninstalled").collect();
            if let Some(namespace) = &addon.namespace {
                found.retain(|one| one.namespace == *namespace);
            }
            found.sort_by_key(|one| one.namespace != self.args.namespace);
            if let Some(found) = found.first() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn missing(&self, addon: &Addon) -> Problem {
        let place = addon
            .namespace
            .as_ref()
            .map_or("any namespace".to_string(), |space| format!("namespace {space}"));
        let names = match &addon.release {
            Some(release) => release.clone(),
            None => format!("{0}-kubeaddons or {0}", addon.name),
        };
        // Helm 2 keeps ConfigMaps in Tiller's namespace.
        let tiller = self
            .world
            .list(What::Deployments)
            .unwrap_or_default()
            .iter()
            .find(|one| name(one) == "tiller-deploy");
        let hint = tiller.map_or(String::new(), |one| {
            format!(
                " (Helm 2 runs in {}; its releases are not read: name the addon's `workloads`)",
                namespace(one)
            )
        });
        let observed = format!("not installed: no release {names} in {place}{hint}");
        Problem::new(
            observed,
            "kubectl get secrets -A -l owner=helm    # shows what Helm has; a release kept elsewhere (HELM_DRIVER) needs the addon's `workloads`",
        )
    }

    async fn of_release(
        &self,
        addon: &Addon,
        revision: &Revision,
        parsed: &impl Fn(&str) -> Result<Json, String>,
        state: &mut State,
    ) {
        state.release = json!({"name": revision.name, "namespace": revision.namespace, "revision": revision.version, "status": revision.status});
        let (name, space) = (&revision.name, &revision.namespace);
        let age = revision.modified.map(|time| self.world.now.duration_since(time));
        let secret = format!("Secret {space}/{}", revision.secret);
        let document = match revision.document() {
            Ok(document) => document,
            Err(why) => {
                state.unknown.push(why);
                return;
            }
        };
        let rollback = format!("helm -n {space} rollback {name}");
        match revision.status.as_str() {
            "failed" => {
                let why = text(&document, "/info/description");
                state.problems.push(Problem::new(
                    format!("release {name} failed in revision {}: {why} ({secret})", revision.version),
                    format!("helm -n {space} history {name}; {rollback}"),
                ));
            }
            status
                if revision.is_pending()
                    && age.is_none_or(|age| age.as_secs() >= self.args.pending_seconds) =>
            {
                let since = age.map(|age| format!(" for {}", span(age))).unwrap_or_default();
                let observed =
                    format!("release {name} is {status}{since}, so nothing can upgrade it ({secret})");
                let remedy = match status {
                    "pending-install" => {
                        format!("helm -n {space} uninstall {name}    # then install it again")
                    }
                    _ => rollback,
                };
                state.problems.push(Problem::new(observed, remedy));
            }
            "superseded" | "uninstalling" | "unknown" => {
                state.problems.push(Problem::new(
                    format!("release {name} is {} and no revision is deployed ({secret})", revision.status),
                    format!("helm -n {space} history {name}; {rollback}"),
                ));
            }
            _ => {}
        }
        state.problems.extend(differences(addon, revision, &document));
        let objects = match parsed(text(&document, "/manifest")) {
            Ok(objects) => flat(objects),
            Err(why) => {
                state.unknown.push(format!("the manifest of {name} cannot be read: {why}"));
                return;
            }
        };
        let looked = live::look(self.cluster, self.world, &objects, space, self.args.compare).await;
        let root = !looked.faults.is_empty();
        state.problems.extend(looked.faults);
        if !root {
            // A service without endpoints is what a workload that is not ready looks like from outside.
            state.problems.extend(looked.symptoms);
        }
        // A release that is stuck or failed is not as rendered by nature.
        if state.problems.is_empty() || revision.status == "deployed" {
            state.problems.extend(looked.drift);
        }
        state.unknown.extend(looked.unknown);
    }

    /// A workload that the addon names: `Deployment/NAME` or `NAMESPACE/Deployment/NAME`.
    fn named(&self, addon: &Addon, written: &str, state: &mut State) {
        let parts: Vec<&str> = written.split('/').collect();
        let space = addon.namespace.as_deref().unwrap_or(&self.args.namespace);
        let (space, kind, own) = match parts.as_slice() {
            [kind, own] => (space, *kind, *own),
            [space, kind, own] => (*space, *kind, *own),
            _ => {
                state.unknown.push(format!(
                    "`{written}` is no workload: write Deployment/NAME or NAMESPACE/Deployment/NAME"
                ));
                return;
            }
        };
        let what = match kind.to_lowercase().as_str() {
            "deployment" => What::Deployments,
            "statefulset" => What::StatefulSets,
            "daemonset" => What::DaemonSets,
            _ => {
                state
                    .unknown
                    .push(format!("`{written}`: a workload is a Deployment, StatefulSet or DaemonSet"));
                return;
            }
        };
        match self.world.list(what) {
            Err(why) => state.unknown.push(why),
            Ok(list) => match list.iter().find(|one| name(one) == own && namespace(one) == space) {
                Some(live) => state.problems.extend(live::workload(self.world, live)),
                None => {
                    let key = Key { kind: kind.into(), namespace: space.into(), name: own.into() };
                    state.problems.push(Problem::new(
                        format!("{key} is missing"),
                        format!("kubectl -n {space} get {}", key.typed()),
                    ));
                }
            },
        }
    }
}

/// Where the release is not what was declared.
fn differences(addon: &Addon, revision: &Revision, document: &Json) -> Vec<Problem> {
    let mut found = vec![];
    let (name, space) = (&revision.name, &revision.namespace);
    let remedy = format!(
        "helm -n {space} get values {name}    # deploy the addon as declared, or declare what is deployed"
    );
    for (key, declared, path) in [
        ("chart", &addon.chart, "/chart/metadata/name"),
        ("version", &addon.version, "/chart/metadata/version"),
    ] {
        let deployed = text(document, path);
        // A chart may be declared with its repository.
        let declared = declared.as_deref().map(|chart| chart.rsplit('/').next().unwrap_or(chart));
        if let Some(declared) =
            declared.filter(|declared| declared.trim_start_matches('v') != deployed.trim_start_matches('v'))
        {
            found.push(Problem::new(
                format!("its {key} is {deployed}, and {declared} is declared"),
                remedy.clone(),
            ));
        }
    }
    let config = document.get("config").cloned().unwrap_or_default();
    for (path, declared, deployed) in drift(&addon.values, &config) {
        found.push(Problem::new(
            format!("its value {path} is {deployed}, and {declared} is declared"),
            remedy.clone(),
        ));
    }
    found
}

/// The objects of a manifest, those of lists one by one.
fn flat(documents: Json) -> Vec<Json> {
    match documents {
        Json::Array(items) => items.into_iter().flat_map(flat).collect(),
        Json::Object(mut map) => {
            let listed = map.get("kind").and_then(Json::as_str).is_some_and(|kind| kind.ends_with("List"));
            match map.remove("items") {
                Some(items) if listed => flat(items),
                Some(items) => {
                    map.insert("items".into(), items);
                    vec![Json::Object(map)]
                }
                None if map.contains_key("kind") => vec![Json::Object(map)],
                None => vec![],
            }
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_at_the_bottom_of_what_is_not_well() {
        let needs = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let bad = BTreeMap::from([
            ("cert-manager".to_string(), vec![]),
            ("dex".to_string(), needs(&["traefik", "cert-manager"])),
            ("proxy".to_string(), needs(&["dex"])),
            ("a".to_string(), needs(&["b"])),
            ("b".to_string(), needs(&["a"])),
        ]);
        assert_eq!(root("cert-manager", &bad), "");
        assert_eq!(root("proxy", &bad), "cert-manager");
        assert_eq!(root("dex", &bad), "cert-manager");
        assert_eq!(root("a", &bad), "", "a ring has no root");
    }
}
