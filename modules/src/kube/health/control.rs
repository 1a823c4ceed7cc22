//! The control plane by what it leaves in the API: leases of the controllers, APIServices, webhooks that nobody serves, certificate
//! requests that wait, and deletions that do not end.

use super::row::{Found, Problem};
use super::world::{Key, What, World, span};
use crate::kube::fields::{condition, items, name, namespace, number, text};
use jiff::SignedDuration;
use serde_json::Value as Json;

/// Whether a controller of the control plane does its work: its lease is renewed, and held by somebody.
pub(super) fn lease(world: &World, own: &str, seconds: i64) -> Found {
    let look = format!(
        "kubectl -n kube-system get pods -l component={own}; kubectl -n kube-system logs -l component={own} --tail 50"
    );
    let Some(lease) = world.list(What::Leases)?.iter().find(|lease| name(lease) == own) else {
        return Ok(vec![Problem::new(
            format!("there is no lease kube-system/{own}: none has ever led"),
            look,
        )]);
    };
    let holder = text(lease, "/spec/holderIdentity");
    if holder.is_empty() {
        return Ok(vec![Problem::new(format!("nobody holds the lease kube-system/{own}"), look)]);
    }
    let renewed = text(lease, "/spec/renewTime");
    let Some(age) = world.since(renewed) else {
        return Err(format!("the lease kube-system/{own} says no time: `{renewed}`"));
    };
    if age.as_secs() <= seconds {
        return Ok(vec![]);
    }
    let mut observed =
        format!("{} has not renewed its lease for {}", holder.split('_').next().unwrap_or(holder), span(age));
    if own == "kube-controller-manager" {
        let behind =
            |one: &&Json| number(one, "/status/observedGeneration") < number(one, "/metadata/generation");
        let waiting = world.list(What::Deployments).unwrap_or_default().iter().filter(behind).count();
        if waiting > 0 {
            observed += &format!("; {waiting} Deployments were changed and nobody has looked at them");
        }
    }
    Ok(vec![Problem::new(observed, look)])
}

/// Aggregated APIs that do not answer.
pub(super) fn api_services(world: &World) -> Found {
    let bad = |one: &&Json| condition(one, "Available").is_none_or(|found| text(found, "/status") != "True");
    let problem = |one: &Json| {
        let own = name(one);
        let told = condition(one, "Available").map(|found| {
            format!(
                "{}: {}{}",
                text(found, "/reason"),
                text(found, "/message"),
                world.lasting(text(found, "/lastTransitionTime"))
            )
        });
        let service = match text(one, "/spec/service/name") {
            "" => String::new(),
            service => format!(
                "; kubectl -n {} get endpointslices -l kubernetes.io/service-name={service}",
                text(one, "/spec/service/namespace")
            ),
        };
        let remedy = format!("kubectl get apiservice {own} -o yaml{service}");
        Problem::new(format!("{own} {}", told.unwrap_or_else(|| "has no condition Available".into())), remedy)
    };
    Ok(world.list(What::ApiServices)?.iter().filter(bad).map(problem).collect())
}

/// Webhooks that must answer and that nobody serves: every request they are for is refused.
pub(super) fn webhooks(world: &World) -> Found {
    let mut found = vec![];
    world.list(What::Slices)?;
    let services = world.list(What::Services)?;
    for (what, kind) in [
        (What::ValidatingWebhooks, "validatingwebhookconfiguration"),
        (What::MutatingWebhooks, "mutatingwebhookconfiguration"),
    ] {
        for configuration in world.list(what)? {
            for hook in
                items(configuration, "/webhooks").filter(|hook| text(hook, "/failurePolicy") != "Ignore")
            {
                let (space, service) =
                    (text(hook, "/clientConfig/service/namespace"), text(hook, "/clientConfig/service/name"));
                if service.is_empty() || world.is_served(space, service) != Some(false) {
                    continue;
                }
                let exists = services.iter().any(|one| namespace(one) == space && name(one) == service);
                let why = if exists { "has no ready endpoint" } else { "does not exist" };
                let observed = format!(
                    "{} of {}: its service {space}/{service} {why}, and its failurePolicy is Fail",
                    text(hook, "/name"),
                    name(configuration)
                );
                let remedy = format!(
                    "kubectl -n {space} get pods,endpointslices    # or, if it is left over: kubectl delete {kind} {}",
                    name(configuration)
                );
                found.push(Problem::new(observed, remedy));
            }
        }
    }
    Ok(found)
}

/// Certificate signing requests that nobody has decided on.
pub(super) fn requests(world: &World, seconds: i64) -> Found {
    let waits = |one: &&Json| {
        items(one, "/status/conditions").next().is_none()
            && text(one, "/status/certificate").is_empty()
            && world.is_older(text(one, "/metadata/creationTimestamp"), seconds)
    };
    let problem = |one: &Json| {
        let since = world.lasting(text(one, "/metadata/creationTimestamp"));
        let observed = format!(
            "{} of {} ({}) waits{since}",
            name(one),
            text(one, "/spec/username"),
            text(one, "/spec/signerName")
        );
        Problem::new(
            observed,
            format!(
                "kubectl certificate approve {}    # if that request is to be trusted; else deny",
                name(one)
            ),
        )
    };
    Ok(world.list(What::Requests)?.iter().filter(waits).map(problem).collect())
}

/// Namespaces whose end does not come, with what holds them.
pub(super) fn namespaces(world: &World, seconds: i64) -> Found {
    let stuck = |one: &&Json| {
        is_stuck(world, one, seconds)
            || (text(one, "/status/phase") == "Terminating"
                && one.pointer("/metadata/deletionTimestamp").is_none())
    };
    let problem = |one: &Json| {
        let own = name(one);
        let holds = items(one, "/status/conditions").filter(|found| text(found, "/status") == "True");
        let told: Vec<&str> =
            holds.map(|found| text(found, "/message")).filter(|message| !message.is_empty()).collect();
        let since = world.lasting(text(one, "/metadata/deletionTimestamp"));
        let observed = format!(
            "{own} is Terminating{since}: {}",
            if told.is_empty() { "it does not say why".into() } else { told.join(" ") }
        );
        Problem::new(
            observed,
            format!(
                "kubectl get namespace {own} -o jsonpath='{{.status.conditions}}'    # what is left has to go first; an APIService that is down holds it too"
            ),
        )
    };
    Ok(world.list(What::Namespaces)?.iter().filter(stuck).map(problem).collect())
}

fn is_stuck(world: &World, object: &Json, seconds: i64) -> bool {
    let deleted = text(object, "/metadata/deletionTimestamp");
    !deleted.is_empty() && world.is_older(deleted, seconds)
}

/// Objects whose deletion waits for a finalizer; pods and namespaces have rows of their own, and so have attachments.
pub(super) fn finalizers(world: &World, seconds: i64) -> Found {
    let kinds = [
        What::Nodes,
        What::Deployments,
        What::DaemonSets,
        What::StatefulSets,
        What::Jobs,
        What::Services,
        What::Claims,
        What::Volumes,
        What::Definitions,
        What::ApiServices,
    ];
    let mut found = vec![];
    for kind in kinds {
        let stuck = world.list(kind)?.iter().filter(|one| is_stuck(world, one, seconds));
        found.extend(stuck.map(|one| {
            let key = Key::of(one);
            let held: Vec<&str> = items(one, "/metadata/finalizers").filter_map(Json::as_str).collect();
            let age = world.since(text(one, "/metadata/deletionTimestamp")).unwrap_or(SignedDuration::ZERO);
            let observed = format!("{key} was deleted {} ago and waits for {}", span(age), held.join(", "));
            let place = if key.namespace.is_empty() { String::new() } else { format!("-n {} ", key.namespace) };
            Problem::new(observed, format!("kubectl {place}describe {}    # whoever owns the finalizer has to take it away; a claim or volume waits for its pods", key.typed()))
        }));
    }
    Ok(found)
}
