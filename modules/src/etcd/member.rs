//! What etcd says of itself, as `etcdctl -w json` prints it: members, the state of an endpoint, alarms. Ids are 64-bit
//! numbers there and hexadecimal everywhere a person looks; they are never read as floats. Absent fields are zero.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::fmt;

/// The id of a member or a cluster, shown as etcdctl shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct Id(pub u64);

impl Id {
    /// The id that a person wrote: hexadecimal, with or without `0x`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.trim().trim_start_matches("0x");
        u64::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// One member of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Member {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: Id,
    /// Its name; empty until it has started.
    pub name: String,
    /// Where its peers find it.
    #[serde(rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// Where clients find it; none until it has started.
    #[serde(rename = "clientURLs")]
    pub client_urls: Vec<String>,
    /// Whether it only listens.
    #[serde(rename = "isLearner")]
    pub learner: bool,
}

impl Member {
    /// Its name, or where it is, for a person.
    #[must_use]
    pub fn title(&self) -> String {
        let place = self.peer_urls.first().map_or("?", String::as_str);
        match self.name.as_str() {
            "" => format!("{} (never started, {place})", self.id),
            name => format!("{} ({name}, {place})", self.id),
        }
    }

    /// Whether a person may have meant it: by id, by name, or by a peer URL or its host.
    #[must_use]
    pub fn is_called(&self, word: &str) -> bool {
        Id::read(word).is_some_and(|id| id == self.id)
            || (!word.is_empty() && self.name == word)
            || self
                .peer_urls
                .iter()
                .any(|url| url.trim_end_matches('/') == word.trim_end_matches('/') || host(url) == word)
    }
}

/// The host of a URL, without brackets and port.
pub fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or(rest);
    match rest.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((v6, _)) => v6,
        None => rest.rsplit_once(':').map_or(rest, |(host, _)| host),
    }
}

/// What stands above every answer.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Header {
    /// The cluster that answered.
    pub cluster_id: Id,
    /// The member that answered.
    pub member_id: Id,
    /// The revision of its data.
    pub revision: i64,
}

/// `member list`, and what changes of members answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Members {
    /// Who answered.
    pub header: Header,
    /// All members.
    pub members: Vec<Member>,
    /// The one that was added.
    pub member: Option<Member>,
}

/// `endpoint status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    /// Who answered.
    pub header: Header,
    /// The server's version.
    pub version: String,
    /// Bytes of its database, holes too.
    pub db_size: u64,
    /// Bytes of it that are used.
    pub db_size_in_use: u64,
    /// The most bytes it may have, where the server says so (3.6).
    pub db_size_quota: u64,
    /// Its leader; zero without one.
    pub leader: Id,
    /// The last entry of its log.
    pub raft_index: u64,
    /// The last entry it has applied.
    pub raft_applied_index: u64,
    /// The term.
    pub raft_term: u64,
    /// What it finds wrong with itself.
    pub errors: Vec<String>,
    /// Whether it only listens.
    pub is_learner: bool,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "Status")]
    status: Status,
}

/// The one row of `endpoint status` for one endpoint.
pub fn status(text: &str) -> Option<Status> {
    let rows: Vec<Row> = serde_json::from_str(text.trim()).ok()?;
    rows.into_iter().next().map(|row| row.status)
}

/// One alarm and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The member that raised it.
    pub member: Id,
    /// `NOSPACE` or `CORRUPT`.
    pub kind: &'static str,
}

/// `alarm list`.
pub fn alarms(text: &str) -> Option<Vec<Alarm>> {
    #[derive(Deserialize)]
    struct Raised {
        #[serde(rename = "memberID", default)]
        member: Id,
        #[serde(default)]
        alarm: u8,
    }
    #[derive(Deserialize)]
    struct Alarms {
        #[serde(default)]
        alarms: Vec<Raised>,
    }
    let listed: Alarms = serde_json::from_str(text.trim()).ok()?;
    let kind = |number| match number {
        1 => Some("NOSPACE"),
        2 => Some("CORRUPT"),
        _ => None,
    };
    Some(
        listed.alarms.iter().filter_map(|a| Some(Alarm { member: a.member, kind: kind(a.alarm)? })).collect(),
    )
}

impl From<&Alarm> for Json {
    fn from(alarm: &Alarm) -> Self {
        json!({ "member_id": alarm.member.to_string(), "alarm": alarm.kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_all_their_digits() {
        let list: Members = serde_json::from_str(
            r#"{"header":{"cluster_id":12619460927812348888},"members":[{"ID":17231013289306881450,"peerURLs":["https://10.0.0.1:2380"]}]}"#,
        )
        .unwrap();
        let member = &list.members[0];
        assert_eq!(member.id.to_string(), "ef20db4af52bfdaa");
        assert_eq!(Id::read("ef20db4af52bfdaa"), Some(member.id));
        assert_eq!(member.title(), "ef20db4af52bfdaa (never started, https://10.0.0.1:2380)");
    }

    #[test]
    fn a_member_is_called_by_id_name_url_or_address() {
        let member = Member {
            id: Id(0xabc),
            name: "cp1".into(),
            peer_urls: vec!["https://[fd00::1]:2380".into()],
            ..Member::default()
        };
        for word in ["abc", "0xabc", "cp1", "https://[fd00::1]:2380", "https://[fd00::1]:2380/", "fd00::1"] {
            assert!(member.is_called(word), "{word}");
        }
        for word in ["", "ab", "cp", "fd00::2"] {
            assert!(!member.is_called(word), "{word}");
        }
    }

    #[test]
    fn no_alarm_is_an_empty_object() {
        assert_eq!(alarms("{}"), Some(vec![]));
        let text = r#"{"header":{},"alarms":[{"memberID":1,"alarm":1},{"memberID":2,"alarm":2}]}"#;
        assert_eq!(
            alarms(text),
            Some(vec![Alarm { member: Id(1), kind: "NOSPACE" }, Alarm { member: Id(2), kind: "CORRUPT" }])
        );
    }
}
