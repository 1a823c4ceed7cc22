//! Field validation: top-level fields that a kind does not have, and keys that stand twice. `Strict` refuses them, `Warn` (the
//! rule unless something else is asked) warns. Fields below the top are not checked, for that would take every schema.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::resource::Resource;
use crate::status::Failure;

/// The warnings for a body, or its refusal.
pub fn check(resource: &Resource, object: &Value, body: &[u8], rule: &str) -> Result<Vec<String>, Failure> {
    if rule == "Ignore" || resource.custom() {
        return Ok(Vec::new());
    }
    let mut found: Vec<String> =
        unknown(resource, object).map(|field| format!("unknown field {field:?}")).collect();
    found.extend(twice(body).into_iter().map(|field| format!("duplicate field {field:?}")));
    if rule == "Strict" && !found.is_empty() {
        let message = format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {}",
            found.join(", "),
            kind = resource.kind,
            version = resource.api_version(),
        );
        return Err(Failure::bad_request(message));
    }
    Ok(found)
}

/// The top-level fields of an object that its kind does not have.
pub fn unknown<'a>(resource: &Resource, object: &'a Value) -> impl Iterator<Item = &'a str> {
    let own: &[&str] = match resource.kind.as_str() {
        "ConfigMap" => &["data", "binaryData", "immutable"],
        "Secret" => &["data", "stringData", "immutable", "type"],
        "Pod"
        | "Node"
        | "Namespace"
        | "Service"
        | "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "CronJob"
        | "PodDisruptionBudget"
        | "PersistentVolume"
        | "PersistentVolumeClaim"
        | "Ingress"
        | "NetworkPolicy"
        | "CustomResourceDefinition"
        | "CertificateSigningRequest"
        | "APIService"
        | "HorizontalPodAutoscaler" => &["spec", "status"],
        "Lease" => &["spec"],
        _ => &[],
    };
    let keys = object.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    keys.filter(move |key| {
        !own.is_empty() && !own.contains(key) && !["apiVersion", "kind", "metadata"].contains(key)
    })
}

/// The paths of keys that stand twice in a JSON text; none where it is no JSON.
fn twice(body: &[u8]) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_slice(body);
    let seed = Twice { path: String::new(), found: &found };
    if seed.deserialize(&mut reader).is_err() {
        return Vec::new();
    }
    found.into_inner()
}

struct Twice<'a> {
    path: String,
    found: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Twice<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Twice<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen: Vec<String> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            if seen.contains(&key) {
                self.found.borrow_mut().push(path.clone());
            }
            seen.push(key);
            map.next_value_seed(Twice { path, found: self.found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        while list
            .next_element_seed(Twice { path: format!("{}[{index}]", self.path), found: self.found })?
            .is_some()
        {
            index += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
