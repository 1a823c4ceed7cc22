//! Colours and harmless text. Ansible's palette, used only where a person watches; text from a host comes in, text
//! that cannot move the cursor or lie about its order goes out. Newlines and tabs stay.

use std::borrow::Cow;
use std::fmt::Write;

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Nothing changed.
    Ok,
    /// Something changed.
    Changed,
    /// Skipped, included, ignored, diff ranges.
    Skipped,
    /// Failed, removed lines.
    Failed,
    /// Unreachable.
    Unreachable,
    /// Warnings.
    Warning,
    /// Deprecations.
    Deprecated,
    /// Retries and task paths.
    Quiet,
    /// What `-v` adds.
    Verbose,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Ok => "0;32",
            Self::Changed => "0;33",
            Self::Skipped => "0;36",
            Self::Failed => "0;31",
            Self::Unreachable => "1;31",
            Self::Warning => "1;35",
            Self::Deprecated => "0;35",
            Self::Quiet => "1;30",
            Self::Verbose => "0;34",
        }
    }
}

/// Paints text, or leaves it as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    /// Whether to paint.
    pub on: bool,
}

impl Palette {
    /// The text in a colour, line by line.
    #[must_use]
    pub fn paint<'a>(self, colour: Colour, text: &'a str) -> Cow<'a, str> {
        if !self.on {
            return Cow::Borrowed(text);
        }
        let lines: Vec<String> =
            text.split('\n').map(|line| format!("\x1b[{}m{line}\x1b[0m", colour.code())).collect();
        Cow::Owned(lines.join("\n"))
    }
}

/// Whether a terminal might obey a character, or show the text around it in another order.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with everything a terminal might obey written out.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\r' => clean.push_str("\\r"),
            c if is_harmful(c) && u32::from(c) < 0x100 => _ = write!(clean, "\\x{:02x}", u32::from(c)),
            c if is_harmful(c) => _ = write!(clean, "\\u{:04x}", u32::from(c)),
            c => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_painted_on_its_own() {
        let on = Palette { on: true };
        assert_eq!(on.paint(Colour::Failed, "a\nb"), "\x1b[0;31ma\x1b[0m\n\x1b[0;31mb\x1b[0m");
        assert_eq!(Palette::default().paint(Colour::Failed, "a"), "a");
    }

    #[test]
    fn a_host_cannot_move_the_cursor() {
        assert_eq!(harmless("a\x1b[2J\rb\u{9b}c\u{202e}\n\t"), "a\\x1b[2J\\rb\\x9bc\\u202e\n\t");
        assert!(matches!(harmless("plain 文本"), Cow::Borrowed(_)));
    }
}
