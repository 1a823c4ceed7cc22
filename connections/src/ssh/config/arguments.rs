//! The `ssh` arguments of `ansible_ssh_args`, `_common_args` and `_extra_args`. What has a meaning becomes values
//! as if written in ssh_config; what steers only OpenSSH's own program is accepted; the rest is named as an error.

use super::Me;
use super::file::Values;
use super::words::tilde;
use std::path::PathBuf;

/// What the arguments say.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    /// Values in their order.
    pub values: Vec<(String, Vec<String>)>,
    /// `-F`.
    pub file: Option<PathBuf>,
}

impl Arguments {
    /// Reads them; each is split as a shell would.
    pub(crate) fn read(written: &[String], me: &Me) -> Result<Self, String> {
        let mut words = Vec::new();
        for text in written {
            words.extend(
                shlex::split(text)
                    .ok_or_else(|| format!("the ssh arguments `{text}` have a quote without an end"))?,
            );
        }
        let mut this = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                return Err(format!("`{word}` among the ssh arguments is no flag"));
            };
            let mut rest = letters;
            while let Some(letter) = rest.chars().next() {
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
                match letter {
                    '4' => this.value("addressfamily", "inet".to_owned()),
                    '6' => this.value("addressfamily", "inet6".to_owned()),
                    // Compression, chatter, terminals, forwarding: matters of OpenSSH's own program.
                    'C' | 'q' | 'v' | 't' | 'T' | 'x' | 'X' | 'Y' | 'a' | 'n' | 'k' | 'K' | 'A' | 'y' => {}
                    'o' | 'J' | 'p' | 'i' | 'l' | 'F' | 'S' | 'e' | 'E' => {
                        let value = if rest.is_empty() { words.next() } else { Some(rest.to_owned()) };
                        let value =
                            value.ok_or_else(|| format!("the ssh argument -{letter} has no value"))?;
                        this.valued(letter, value, me)?;
                        rest = "";
                    }
                    other => {
                        return Err(format!(
                            "the ssh argument -{other} has no meaning here; what has one: -o -J -p -i -l -F -4 -6"
                        ));
                    }
                }
            }
        }
        Ok(this)
    }

    fn value(&mut self, key: &str, value: String) {
        self.values.push((key.to_owned(), vec![value]));
    }

    fn valued(&mut self, letter: char, value: String, me: &Me) -> Result<(), String> {
        match letter {
            'o' => {
                let mut values = Values::default();
                values.option(&value)?;
                self.values.extend(values.into_pairs());
            }
            'J' => self.value("proxyjump", value),
            'p' => self.value("port", value),
            'i' => self.value("identityfile", value),
            'l' => self.value("user", value),
            'F' => self.file = Some(tilde(&value, &me.home)),
            // The control socket, the escape character, the log file.
            _ => {}
        }
        Ok(())
    }
}
