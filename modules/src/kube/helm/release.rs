//! Helm's releases as it stores them: Secrets of the type `helm.sh/release.v1`, each a revision, whose `release` is base64 of base64
//! of a gzipped JSON document. Secrets come in, releases go out, read only where somebody wants the document.

use super::super::cluster::Cluster;
use super::super::request::Refusal;
use super::super::resource::encoded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::Value as Json;
use std::io::Read as _;

/// What a release's document may have: a bomb is not a release.
const MOST: u64 = 64 << 20;

/// One revision of a release, by what its Secret says outside of the document.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub name: String,
    pub namespace: String,
    /// `deployed`, `failed`, `pending-upgrade`...
    pub status: String,
    pub version: u64,
    /// The Secret's name, for messages.
    pub secret: String,
    /// When the Secret was last written.
    pub modified: Option<Timestamp>,
    body: String,
}

/// All revisions of all releases, or of a namespace or name.
///
/// # Errors
/// The server refuses, or cannot be asked.
pub(crate) async fn revisions(
    cluster: &Cluster,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<Revision>, Refusal> {
    let path = match namespace {
        Some(namespace) => format!("/api/v1/namespaces/{}/secrets", encoded(namespace)),
        None => "/api/v1/secrets".to_string(),
    };
    let labels = match name {
        Some(name) => format!("owner=helm,name={name}"),
        None => "owner=helm".to_string(),
    };
    let pairs = [("labelSelector", labels.as_str()), ("fieldSelector", "type=helm.sh/release.v1")];
    Ok(cluster.list(&path, &pairs).await?.iter().map(Revision::of).collect())
}

impl Revision {
    fn of(secret: &Json) -> Self {
        let text = |path: &str| secret.pointer(path).and_then(Json::as_str).unwrap_or("").to_string();
        let label = |key: &str| text(&format!("/metadata/labels/{key}"));
        let seconds = |key: &str| Timestamp::from_second(label(key).parse().ok()?).ok();
        Self {
            name: label("name"),
            namespace: text("/metadata/namespace"),
            status: label("status"),
            version: label("version").parse().unwrap_or_default(),
            secret: text("/metadata/name"),
            modified: seconds("modifiedAt")
                .or_else(|| seconds("createdAt"))
                .or_else(|| text("/metadata/creationTimestamp").parse().ok()),
            body: text("/data/release"),
        }
    }

    /// The document: `name`, `info`, `chart`, `config`, `manifest`, `version`, `namespace`.
    ///
    /// # Errors
    /// It is no document of Helm's.
    pub fn document(&self) -> Result<Json, String> {
        decoded(&self.body).map_err(|why| format!("Secret {}/{}: {why}", self.namespace, self.secret))
    }

    /// Whether an action on it is under way, or was and never ended.
    pub fn is_pending(&self) -> bool {
        self.status.starts_with("pending-")
    }
}

/// The newest revision of each release.
pub(crate) fn newest(revisions: &[Revision]) -> Vec<&Revision> {
    let newer = |one: &&Revision| {
        !revisions.iter().any(|other| {
            other.name == one.name && other.namespace == one.namespace && other.version > one.version
        })
    };
    revisions.iter().filter(newer).collect()
}

fn decoded(data: &str) -> Result<Json, String> {
    let once = STANDARD.decode(data.trim()).map_err(|_| "its `release` is not base64")?;
    let twice = STANDARD.decode(once.trim_ascii()).map_err(|_| "its `release` is not base64 of base64")?;
    // Releases of the first Helm 3 were not packed.
    let text = match twice.starts_with(&[0x1f, 0x8b]) {
        false => twice,
        true => {
            let mut text = vec![];
            let read = GzDecoder::new(twice.as_slice()).take(MOST).read_to_end(&mut text);
            read.map_err(|error| format!("its `release` cannot be unpacked: {error}"))?;
            text
        }
    };
    serde_json::from_slice(&text).map_err(|error| format!("its `release` is no JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;
    use std::io::Write as _;

    fn packed(document: &Json) -> String {
        let mut gz = GzEncoder::new(vec![], Compression::default());
        gz.write_all(document.to_string().as_bytes()).unwrap();
        STANDARD.encode(STANDARD.encode(gz.finish().unwrap()))
    }

    #[test]
    fn a_release_is_unpacked_and_what_is_none_is_said() {
        let document = json!({"name": "web", "version": 3});
        assert_eq!(decoded(&packed(&document)).unwrap(), document);
        let plain = STANDARD.encode(STANDARD.encode(document.to_string()));
        assert_eq!(decoded(&plain).unwrap(), document);
        assert!(decoded("!").unwrap_err().contains("not base64"));
        assert!(decoded(&STANDARD.encode(STANDARD.encode("{"))).unwrap_err().contains("no JSON"));
    }

    #[test]
    fn the_newest_revision_is_by_number_and_not_by_name() {
        let secret = |version: &str| {
            Revision::of(
                &json!({"metadata": {"name": format!("sh.helm.release.v1.web.v{version}"), "namespace": "shop",
                "labels": {"name": "web", "version": version, "status": "deployed", "modifiedAt": "1795197119"}}}),
            )
        };
        let all = [secret("9"), secret("10"), secret("2")];
        let newest = newest(&all);
        assert_eq!((newest.len(), newest[0].version), (1, 10));
        assert!(newest[0].modified.is_some());
    }
}
