//! Times and numbers as they are said. A duration or a count comes in; `15m0s` or `1 pod` goes out.

use std::time::Duration;

/// A duration as kubectl says it: `45s`, `15m0s`, `1h0m0s`.
pub(super) fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// `1 pod`, `2 pods`.
pub(super) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_as_kubectl_says_them() {
        let said = |seconds| lasting(Duration::from_secs(seconds));
        assert_eq!([said(0), said(45), said(900), said(3605)], ["0s", "45s", "15m0s", "1h0m5s"]);
    }
}
