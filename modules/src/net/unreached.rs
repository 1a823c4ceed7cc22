//! Why a request got no answer: what curl says comes in, what Ansible says of the same goes out.

/// The sentence for curl's complaint.
pub(crate) fn unreached(said: &str) -> String {
    let said = said.trim().trim_start_matches("curl: ");
    let code = said.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or("", |(code, _)| code);
    let os = |number: i32, words: &str| format!("Request failed: <urlopen error [Errno {number}] {words}>");
    match code {
        "28" => "Connection failure: timed out".into(),
        "6" => os(-2, "Name or service not known"),
        "7" if said.contains("No route to host") => os(113, "No route to host"),
        "7" if said.contains("unreachable") => os(101, "Network is unreachable"),
        "7" => os(111, "Connection refused"),
        _ => format!("Request failed: <{said}>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_as_ansible_tells_them() {
        let refused =
            "curl: (7) Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server\n";
        assert_eq!(unreached(refused), "Request failed: <urlopen error [Errno 111] Connection refused>");
        assert_eq!(unreached("curl: (28) Operation too slow."), "Connection failure: timed out");
        assert_eq!(unreached("curl: (60) SSL"), "Request failed: <(60) SSL>");
    }
}
