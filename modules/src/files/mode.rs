//! Permissions as people write them. A `mode` argument comes in: an integer, octal digits, or symbolic clauses;
//! applied to the mode a path has, it gives the mode it shall have. `preserve` is the caller's to settle before.

use serde_json::Value as Json;

const BITS: u32 = 0o7777;

/// What a symbolic mode may depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Current {
    /// The permission bits now.
    pub bits: u32,
    /// Whether it is a directory: `X` then counts.
    pub directory: bool,
    /// The umask, for clauses that name nobody.
    pub umask: u32,
}

/// The permission bits that `mode` asks for.
///
/// # Errors
/// What is wrong with it, as Ansible puts it under `details`.
pub(super) fn apply(mode: &Json, now: Current) -> Result<u32, String> {
    match mode {
        Json::Number(number) => number
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| *n <= BITS)
            .ok_or_else(|| format!("Invalid mode: {number}")),
        Json::String(text) => match octal(text) {
            Some(bits) => Ok(bits),
            None => symbolic(text, now),
        },
        other => Err(format!("Invalid mode: {other}")),
    }
}

fn octal(text: &str) -> Option<u32> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0o").or(digits.strip_prefix("0O")).unwrap_or(digits);
    let bits = u32::from_str_radix(digits, 8).ok()?;
    (bits <= BITS && !digits.starts_with('+')).then_some(bits)
}

fn symbolic(text: &str, now: Current) -> Result<u32, String> {
    let mut bits = now.bits & BITS;
    for clause in text.split(',') {
        let bad = || format!("bad symbolic permission for mode: {clause}");
        let operator = clause.find(['+', '-', '=']).ok_or_else(bad)?;
        let (who, mut rest) = clause.split_at(operator);
        if who != "a" && !who.chars().all(|c| "ugo".contains(c)) {
            return Err(bad());
        }
        let everybody = who.is_empty() || who == "a";
        let whom: Vec<char> = if everybody { vec!['u', 'g', 'o'] } else { who.chars().collect() };
        while let Some(op) = rest.chars().next() {
            let tail = rest.get(1..).unwrap_or("");
            let end = tail.find(['+', '-', '=']).unwrap_or(tail.len());
            let (letters, left) = tail.split_at(end);
            let copies = letters.len() == 1 && "ugo".contains(letters);
            if !copies && !letters.chars().all(|c| "rwxXst".contains(c)) {
                return Err(bad());
            }
            let before = Current { bits, ..now };
            for who in &whom {
                let named: u32 =
                    letters.chars().map(|letter| bit(*who, letter, before)).fold(0, |all, one| all | one);
                let named = if who_is_nobody(clause) { named & !(now.umask & 0o777) } else { named };
                bits = match op {
                    '+' => bits | named,
                    '-' => bits & !named,
                    _ => (bits & !everything(*who)) | named,
                };
            }
            rest = left;
        }
    }
    Ok(bits)
}

fn who_is_nobody(clause: &str) -> bool {
    clause.starts_with(['+', '-', '='])
}

/// All bits that belong to `u`, `g` or `o`.
fn everything(who: char) -> u32 {
    match who {
        'u' => 0o4700,
        'g' => 0o2070,
        _ => 0o1007,
    }
}

/// The bits that one letter means for one class.
fn bit(who: char, letter: char, now: Current) -> u32 {
    let shift = match who {
        'u' => 6,
        'g' => 3,
        _ => 0,
    };
    match letter {
        'r' => 4 << shift,
        'w' => 2 << shift,
        'x' => 1 << shift,
        'X' if now.directory || now.bits & 0o111 != 0 => 1 << shift,
        's' if who == 'u' => 0o4000,
        's' if who == 'g' => 0o2000,
        't' if who == 'o' => 0o1000,
        'u' => ((now.bits >> 6) & 7) << shift,
        'g' => ((now.bits >> 3) & 7) << shift,
        'o' => (now.bits & 7) << shift,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn applied(mode: &Json, bits: u32, directory: bool) -> Result<u32, String> {
        apply(mode, Current { bits, directory, umask: 0o022 })
    }

    #[test]
    fn octal_and_symbolic_modes_apply_to_the_mode_there_is() {
        for (mode, bits, directory, expected) in [
            (json!("0644"), 0, false, 0o644),
            (json!("644"), 0, false, 0o644),
            (json!("0o755"), 0, false, 0o755),
            (json!(420), 0, false, 0o644),
            (json!("u+rwX,g-w"), 0o664, false, 0o644),
            (json!("u+rwX,g-w"), 0o060, true, 0o740),
            (json!("a+X"), 0o644, false, 0o644),
            (json!("a+X"), 0o744, false, 0o755),
            (json!("a+X"), 0o644, true, 0o755),
            (json!("u=rw,g=r,o="), 0o777, false, 0o640),
            (json!("g=u"), 0o640, false, 0o660),
            (json!("+x"), 0o644, false, 0o755),
            (json!("+w"), 0o444, false, 0o644),
            (json!("u+s,g+s,+t"), 0o755, false, 0o7755),
            (json!("u=rwxs"), 0o0, false, 0o4700),
            (json!("u-x+r"), 0o311, false, 0o611),
        ] {
            assert_eq!(applied(&mode, bits, directory), Ok(expected), "{mode} on {bits:o}");
        }
    }

    #[test]
    fn a_bad_mode_says_what_is_bad() {
        let bad = applied(&json!("u~x"), 0, false);
        assert_eq!(bad, Err("bad symbolic permission for mode: u~x".to_string()));
        for bad in ["ao=r", "oa=r", "u=foo", "ufoo=r"] {
            let expected = format!("bad symbolic permission for mode: {bad}");
            assert_eq!(applied(&json!(format!("u=r,{bad}")), 0, false), Err(expected));
        }
        assert!(applied(&json!("9"), 0, false).is_err());
        assert!(applied(&json!("u+q"), 0, false).is_err());
        assert!(applied(&json!(["x"]), 0, false).is_err());
    }
}
