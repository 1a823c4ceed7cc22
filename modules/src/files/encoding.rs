//! The encodings that Python names: bytes to text and back. Latin-1 and ASCII are Python's own; everything else is what
//! the web's standard calls by that name. Nothing is replaced: bytes or letters without a counterpart give nothing.

use std::borrow::Cow;

/// What UTF-8 may begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// An encoding.
#[derive(Clone, Copy, Debug)]
pub(super) enum Encoding {
    /// Every byte is the letter of that number.
    Latin1,
    /// The same, but only up to 127.
    Ascii,
    /// UTF-8 behind a mark.
    MarkedUtf8,
    /// UTF-16: the big end first or not, behind a mark or not.
    Utf16 {
        big: bool,
        marked: bool,
    },
    Other(&'static encoding_rs::Encoding),
}

impl Encoding {
    /// What files are in unless somebody says otherwise.
    pub const UTF_8: Self = Self::Other(encoding_rs::UTF_8);

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase().replace('_', "-");
        match name.as_str() {
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" | "8859" | "cp819" => Some(Self::Latin1),
            "ascii" | "us-ascii" | "646" => Some(Self::Ascii),
            "utf-8-sig" => Some(Self::MarkedUtf8),
            "utf-16" | "utf16" => Some(Self::Utf16 { big: false, marked: true }),
            "utf-16-le" | "utf-16le" => Some(Self::Utf16 { big: false, marked: false }),
            "utf-16-be" | "utf-16be" => Some(Self::Utf16 { big: true, marked: false }),
            "" | "utf8" | "utf-8" | "u8" | "utf" => Some(Self::UTF_8),
            name => {
                // Python numbers code pages, the web names them.
                let page = name.strip_prefix("cp").filter(|page| page.starts_with("125"));
                let label = page.map_or_else(|| name.to_string(), |page| format!("windows-{page}"));
                encoding_rs::Encoding::for_label(label.as_bytes()).map(Self::Other)
            }
        }
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            Self::Latin1 => "latin-1".into(),
            Self::Ascii => "ascii".into(),
            Self::MarkedUtf8 => "utf-8-sig".into(),
            Self::Utf16 { .. } => "utf-16".into(),
            Self::Other(encoding) => encoding.name().to_ascii_lowercase(),
        }
    }

    /// Bytes as text.
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Latin1 => Some(bytes.iter().copied().map(char::from).collect()),
            Self::Ascii => bytes.is_ascii().then(|| String::from_utf8_lossy(bytes)),
            Self::MarkedUtf8 => {
                std::str::from_utf8(bytes.strip_prefix(MARK).unwrap_or(bytes)).ok().map(Cow::from)
            }
            Self::Utf16 { big: true, .. } => {
                encoding_rs::UTF_16BE.decode_without_bom_handling_and_without_replacement(bytes)
            }
            Self::Utf16 { .. } => {
                let bytes = bytes.strip_prefix(&[0xff, 0xfe]).unwrap_or(bytes);
                encoding_rs::UTF_16LE.decode_without_bom_handling_and_without_replacement(bytes)
            }
            Self::Other(encoding) => encoding.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }

    /// Text as bytes.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
            Self::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
            Self::MarkedUtf8 => Some([MARK, text.as_bytes()].concat()),
            Self::Utf16 { big, marked } => {
                let bytes = if big { u16::to_be_bytes } else { u16::to_le_bytes };
                let mark = marked.then_some(0xfeff);
                Some(mark.into_iter().chain(text.encode_utf16()).flat_map(bytes).collect())
            }
            Self::Other(encoding) => {
                let (bytes, _, lossy) = encoding.encode(text);
                (!lossy).then(|| bytes.into_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_the_way_there_and_back() {
        for (name, text, bytes) in [
            ("latin-1", "é", &b"\xe9"[..]),
            ("UTF_8", "é", b"\xc3\xa9"),
            ("gbk", "你好", b"\xc4\xe3\xba\xc3"),
            ("windows-1252", "€", b"\x80"),
            ("cp1252", "€", b"\x80"),
            ("utf-8-sig", "a", b"\xef\xbb\xbfa"),
            ("utf-16", "a", b"\xff\xfea\0"),
            ("utf-16-be", "a", b"\0a"),
        ] {
            let encoding = Encoding::named(name).unwrap();
            assert_eq!(encoding.encode(text).as_deref(), Some(bytes), "{name}");
            assert_eq!(encoding.decode(bytes).as_deref(), Some(text), "{name}");
        }
    }

    #[test]
    fn nothing_is_replaced_and_nothing_is_made_up() {
        assert!(Encoding::named("nope").is_none());
        let ascii = Encoding::named("ascii").unwrap();
        assert!(ascii.encode("é").is_none() && ascii.decode(b"\xe9").is_none());
        assert!(Encoding::named("latin-1").unwrap().encode("€").is_none());
        assert!(Encoding::named("utf-8").unwrap().decode(b"\xff").is_none());
    }
}
