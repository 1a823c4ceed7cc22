//! Amounts as Kubernetes writes them: `250m`, `1.5Gi`, `2e3`. A text comes in, thousandths of the unit go out; and bytes as they are
//! said to a person.

/// Suffixes and what they multiply by, longest first.
const UNITS: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// Thousandths of what a quantity says; nothing for what is none.
#[expect(clippy::cast_possible_truncation, reason = "of an exabyte the last thousandths do not matter")]
pub(super) fn thousandths(text: &str) -> Option<i128> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let plain = || number(text);
    let with_unit = || {
        let (unit, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
        Some(number(text.strip_suffix(unit)?)? * factor)
    };
    plain().or_else(with_unit).map(|amount| (amount * 1000.0).round() as i128)
}

/// Bytes for a person: `512B`, `1.5Ki`, `20Gi`.
#[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
pub(super) fn said(bytes: u64) -> String {
    let mut amount = bytes as f64;
    let mut units = ["B", "Ki", "Mi", "Gi", "Ti", "Pi"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while amount >= 1024.0 {
        let Some(next) = units.next() else { break };
        (amount, unit) = (amount / 1024.0, next);
    }
    let digits = usize::from(amount < 10.0 && unit != "B");
    format!("{amount:.digits$}{unit}").replace(".0", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        for (text, expected) in [
            ("250m", Some(250)),
            ("2", Some(2000)),
            ("0.5", Some(500)),
            ("1.5Gi", Some(1_610_612_736_000)),
            ("100M", Some(100_000_000_000)),
            ("2e3", Some(2_000_000)),
            ("1E", Some(1_000_000_000_000_000_000_000)),
            ("110", Some(110_000)),
            ("", None),
            ("Gi", None),
            ("much", None),
        ] {
            assert_eq!(thousandths(text), expected, "{text}");
        }
    }

    #[test]
    fn bytes_are_said_in_the_unit_that_is_read_most_easily() {
        let texts = [0, 512, 1536, 20 << 30, 1 << 20].map(said);
        assert_eq!(texts, ["0B", "512B", "1.5Ki", "20Gi", "1Mi"]);
    }
}
