//! Programs that give credentials (client-go credential plugins): run where the task runs, with nothing to read from, and asked
//! again when what they gave runs out. What a kubeconfig says of one comes in, a token or a certificate goes out. What it
//! printed on standard output is never shown.

use super::place::Place;
use crate::command::words::quote;
use jiff::Timestamp;
use kube::config::{Cluster, ExecConfig, ExecInteractiveMode};
use muster_engine::module::Failure;
use serde::Deserialize;
use serde_json::json;

/// The exit code of the shell for a program that is not there.
const MISSING: i32 = 127;

/// Such a program.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    /// For messages: `the user admin of /root/.kube/config on cp1`.
    pub of: String,
    /// The program as the kubeconfig has it.
    pub command: String,
    script: String,
    environment: Vec<(String, String)>,
    hint: Option<String>,
}

/// What it gave.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Given {
    pub token: Option<String>,
    pub client_certificate_data: Option<String>,
    pub client_key_data: Option<String>,
    pub expiration_timestamp: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Credential {
    status: Option<Given>,
}

impl Plugin {
    /// The program that a user of a kubeconfig names.
    ///
    /// # Errors
    /// It names none, or one that must ask a person.
    pub fn new(exec: &ExecConfig, cluster: &Cluster, of: &str) -> Result<Self, Failure> {
        let Some(command) = exec.command.clone().filter(|command| !command.is_empty()) else {
            return Err(Failure::new(format!("{of}: `exec` names no `command`")));
        };
        if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
            return Err(Failure::new(format!(
                "{of}: `{command}` must ask a person (`interactiveMode: Always`), and there is none in a run. Log in first, and use credentials that need no answers"
            )));
        }
        let words: Vec<String> =
            std::iter::once(&command).chain(exec.args.iter().flatten()).map(|word| quote(word)).collect();
        let version =
            exec.api_version.clone().unwrap_or_else(|| "client.authentication.k8s.io/v1beta1".into());
        let mut spec = json!({"interactive": false});
        if exec.provide_cluster_info
            && let Some(spec) = spec.as_object_mut()
        {
            let info = json!({
                "server": cluster.server,
                "tls-server-name": cluster.tls_server_name,
                "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
                "certificate-authority-data": cluster.certificate_authority_data,
                "proxy-url": cluster.proxy_url,
                "config": cluster.extensions.iter().flatten().find(|one| one.name == "client.authentication.k8s.io/exec").map(|one| &one.extension),
            });
            let given = info.as_object().cloned().unwrap_or_default();
            spec.insert("cluster".into(), given.into_iter().filter(|(_, value)| !value.is_null()).collect());
        }
        let info = json!({"apiVersion": version, "kind": "ExecCredential", "spec": spec});
        let mut environment = vec![("KUBERNETES_EXEC_INFO".to_string(), info.to_string())];
        for pair in exec.env.iter().flatten() {
            if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
                environment.push((name.clone(), value.clone()));
            }
        }
        let hint = exec.install_hint.clone().filter(|hint| !hint.trim().is_empty());
        Ok(Self { of: of.to_string(), command, script: words.join(" "), environment, hint })
    }

    /// Runs it.
    ///
    /// # Errors
    /// It is not there, fails, or prints no credentials.
    pub async fn ask(&self, place: &Place) -> Result<Given, Failure> {
        let done = place.run(&self.script, self.environment.clone()).await?;
        let (of, command) = (&self.of, &self.command);
        let err = done.err();
        let said = err.trim();
        if done.rc == MISSING {
            let install = self.hint.as_deref().map_or_else(
                || {
                    format!(
                        "Install it there, or delegate the task to a control plane host, whose {} needs none",
                        super::config::ADMIN
                    )
                },
                |hint| hint.trim().to_string(),
            );
            return Err(Failure::new(format!(
                "{of} gets its credentials from `{command}`, and {} has no such program. {install}",
                place.host
            )));
        }
        if !done.succeeded() {
            let login = match said.to_lowercase().contains("expired") {
                true => ". Its own login has expired: log in again, then run the playbook again",
                false => "",
            };
            let said = if said.is_empty() { "it said nothing" } else { said };
            return Err(Failure::new(format!(
                "{of} gets its credentials from `{command}`, which failed on {} with code {}: {said}{login}",
                place.host, done.rc
            )));
        }
        let read = serde_json::from_slice::<Credential>(&done.stdout);
        let given = read.map_err(|_| {
            // The parser's words could quote a part of a token.
            Failure::new(format!(
                "{of}: `{command}` printed no ExecCredential in JSON. Run it by hand on {}",
                place.host
            ))
        })?;
        let given = given.status.unwrap_or_default();
        if given.token.is_none() && given.client_certificate_data.is_none() {
            return Err(Failure::new(format!(
                "{of}: `{command}` gave neither a token nor a certificate. Run it by hand on {}",
                place.host
            )));
        }
        Ok(given)
    }
}
