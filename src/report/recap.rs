//! The last table: hosts by name, Ansible's counters, aligned as Ansible aligns them.

use super::style::harmless;
use super::{Colour, Palette};
use muster_engine::recap::{Recap, Tally};

/// One line per host.
#[must_use]
pub fn lines(recap: &Recap, palette: Palette) -> Vec<String> {
    let mut hosts: Vec<_> = recap.hosts.iter().collect();
    hosts.sort_by_key(|(host, _)| (*host).clone());
    hosts.into_iter().map(|(host, tally)| line(host, *tally, palette)).collect()
}

fn line(host: &str, tally: Tally, palette: Palette) -> String {
    let host = harmless(host);
    let colour = match tally {
        Tally { failed: 1.., .. } | Tally { unreachable: 1.., .. } => Colour::Failed,
        Tally { changed: 1.., .. } => Colour::Changed,
        _ => Colour::Ok,
    };
    // A painted name is padded with its colour codes counted, which is what keeps the columns in line.
    let padded =
        if palette.on { format!("{:<37}", palette.paint(colour, &host)) } else { format!("{host:<26}") };
    let counters = [
        ("ok", tally.ok, Colour::Ok),
        ("changed", tally.changed, Colour::Changed),
        ("unreachable", tally.unreachable, Colour::Unreachable),
        ("failed", tally.failed, Colour::Failed),
        ("skipped", tally.skipped, Colour::Skipped),
        ("rescued", tally.rescued, Colour::Ok),
        ("ignored", tally.ignored, Colour::Warning),
    ];
    let counted = counters.map(|(name, count, colour)| {
        let text = format!("{name}={count:<4}");
        if count == 0 { text } else { palette.paint(colour, &text).into_owned() }
    });
    format!("{padded} : {}", counted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recap() -> Recap {
        let mut recap = Recap::default();
        recap.hosts.insert("10.0.131.17".into(), Tally { ok: 18, changed: 2, ..Tally::default() });
        recap.hosts.insert("10.0.131.119".into(), Tally { ok: 1, failed: 1, ..Tally::default() });
        recap
    }

    #[test]
    fn hosts_are_sorted_as_text_and_counters_aligned() {
        assert_eq!(
            lines(&recap(), Palette::default()),
            [
                "10.0.131.119               : ok=1    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0   ",
                "10.0.131.17                : ok=18   changed=2    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0   ",
            ]
        );
    }

    #[test]
    fn colours_do_not_move_the_columns() {
        let lines = lines(&recap(), Palette { on: true });
        let bare = lines[0].replace("\x1b[0;31m", "").replace("\x1b[0;32m", "").replace("\x1b[0m", "");
        assert!(bare.starts_with("10.0.131.119               : ok=1    changed=0 "), "{bare}");
    }
}
