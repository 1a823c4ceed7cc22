//! `ansible.builtin.apt_key`: a key in the list that apt trusts for every archive, where the target still has `apt-key`; where
//! it has none, the failure says what to write instead. The key's id is given, or gpg reads it out of the key.

use crate::command::words::{expanded, quote};
use crate::files::download;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;

/// `ansible.builtin.apt_key`.
pub(super) struct AptKey;

/// What a task gives to [`AptKey`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Args {
    id: Option<String>,
    url: Option<String>,
    data: Option<String>,
    file: Option<String>,
    keyring: Option<String>,
    validate_certs: bool,
    keyserver: Option<String>,
    state: String,
}

/// The script that makes the change, what it says when it fails, and the answer so far.
#[derive(Debug)]
pub(super) struct Change {
    script: String,
    refused: String,
    key: Key,
    present: bool,
    output: Output,
    list: String,
}

/// A key's id in the lengths that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    whole: String,
    print: String,
    short: String,
}

const GONE: &str = "there is no `apt-key` on this host: it is removed from Debian and Ubuntu. Put the key in \
    /etc/apt/keyrings/NAME.asc (`get_url` or `copy`) and name it in the source: \
    `deb [signed-by=/etc/apt/keyrings/NAME.asc] URL SUITE COMPONENT`";

impl Module for AptKey {
    const NAME: &'static str = "ansible.builtin.apt_key";
    const SPEC: Spec = Spec::new(
        "Adds a key to those that apt trusts for every archive, or removes it, where the host still has `apt-key`.",
        &[
            Opt::new("id", Kind::Str, "The key's id, 8, 16 or more hexadecimal digits."),
            Opt::new("url", Kind::Str, "Where the key is fetched from."),
            Opt::new("data", Kind::Str, "The key itself."),
            Opt::new("file", Kind::Path, "A file of the host with the key."),
            Opt::new("keyring", Kind::Path, "The file that the key is put into."),
            Opt::new("validate_certs", Kind::Bool, "Whether the URL's certificate is checked.").default("true"),
            Opt::new("keyserver", Kind::Str, "Who is asked for the key of this `id`."),
            Opt::new("state", Kind::Str, "Whether it shall be there.")
                .choices(&["absent", "present"])
                .default("present"),
        ],
    )
    .exclusive(&[&["data", "file", "keyserver", "url"]])
    .examples("- apt_key:\n    url: https://pkgs.example.org/key.asc\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        if args.id.is_none() && args.keyserver.is_some() {
            return Err(Failure::new("Missing key_id, required with keyserver."));
        }
        let id = match (&args.id, args.source()) {
            (Some(id), _) => format!("k={}\n", quote(id)),
            (None, Some(source)) => format!(
                "{source}o=$(gpg --with-colons \"$f\" 2>/dev/null) || die \"Unable to extract key from '\"{}\"'\"\n\
                 k=$(printf '%s\\n' \"$o\" | awk -F: '/^(pub|sub)/ && !/expired/ {{print $5; exit}}')\n",
                quote(args.file.as_deref().unwrap_or("inline data"))
            ),
            (None, None) => "k=\n".into(),
        };
        let list = args.list();
        let script =
            format!("command -v apt-key >/dev/null 2>&1 || exit 96\n{DIE}{id}echo \"$k\"\n{list}exit 0\n");
        let seen = tool::ask(cx, &[], &script).await?;
        match seen.rc {
            0 => {}
            96 => return Err(Failure::new(GONE)),
            _ => return Err(Failure::new(seen.err().trim())),
        }
        let text = seen.out();
        let (id, listed) = text.split_once('\n').unwrap_or((&text, ""));
        let output = Output::default().with("id", id);
        let key = Key::of(id)
            .ok_or_else(|| Failure::new("Invalid key_id").with("id", (!id.is_empty()).then_some(id)))?;
        let before = key.listed(listed);
        let there = key.is_in(&before);
        let present = args.state == "present";
        let output = output
            .with("short_id", key.short.as_str())
            .with("fp", key.print.as_str())
            .with("key_id", key.whole.as_str())
            .with("before", before)
            .with("changed", there != present);
        if there == present {
            return Ok(Check::Done(output));
        }
        let (script, refused) = args.work(&key)?;
        let change = Change { script, refused, key, present, output: output.clone(), list };
        Ok(Check::Would { foreseen: output, change })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let done = tool::ask(cx, &["apt-key"], &format!("{DIE}{}", change.script)).await?;
        if done.rc == 95 {
            return Err(Failure::new(done.err().trim()));
        } else if !done.succeeded() {
            return Err(Failure::new(change.refused)
                .with("rc", done.rc)
                .with("stdout", done.out())
                .with("stderr", done.err()));
        }
        let listed = tool::ask(cx, &["apt-key"], &format!("{DIE}{}exit 0\n", change.list)).await?;
        let after = change.key.listed(&listed.out());
        let there = change.key.is_in(&after);
        let output = change.output.with("after", after);
        if there != change.present {
            let what = if there { "the key was not removed" } else { "failed to add the key" };
            let message = format!(
                "apt-key did not return an error, but {what} (check that the id is correct and *not* a subkey)"
            );
            let failure = Failure::new(message);
            return Err(output
                .result
                .into_iter()
                .fold(failure, |failure, (key, value)| failure.with(&key, value)));
        }
        Ok(output)
    }
}

/// Ends a script with a sentence.
const DIE: &str = "die() { printf '%s\\n' \"$1\" >&2; exit 95; }\n";

impl Args {
    /// `apt-key` for the list that is meant.
    fn program(&self) -> String {
        self.keyring
            .as_deref()
            .map_or("apt-key".into(), |ring| format!("apt-key --keyring {}", expanded(ring)))
    }

    /// Prints the keys that are there.
    fn list(&self) -> String {
        let apt_key = self.program();
        format!(
            "{apt_key} adv --list-public-keys --keyid-format=long 2>/dev/null || die 'Unable to list public keys'\n"
        )
    }

    /// The piece of script after which `$f` is the file with the key.
    fn source(&self) -> Option<String> {
        if let Some(file) = &self.file {
            return Some(format!("f={}\n", expanded(file)));
        }
        let temporary = "f=$(mktemp) || exit 95; trap 'rm -f \"$f\"' EXIT\n";
        if let Some(data) = &self.data {
            return Some(format!("{temporary}printf '%s\\n' {} >\"$f\"\n", quote(data)));
        }
        let fetched =
            download::into_file(self.url.as_deref()?, self.validate_certs, "Failed to download key at", ": ");
        Some(format!("{temporary}{fetched}"))
    }

    /// What makes the change, and what is said where it fails.
    fn work(&self, key: &Key) -> Result<(String, String), Failure> {
        let apt_key = self.program();
        if self.state != "present" {
            let (id, said) = (quote(&key.short), format!("Unable to remove a key with id {}", key.short));
            return Ok((format!("{apt_key} del {id}\n"), said));
        }
        if let Some(server) = &self.keyserver {
            let (server, id) = (quote(server), quote(&key.whole));
            let script = format!(
                "x=${{HTTPS_PROXY:-${{https_proxy:-${{HTTP_PROXY:-${{http_proxy-}}}}}}}}\n\
                 for try in 1 2 3 4 5; do\n\
                 o=$({apt_key} adv --no-tty --keyserver {server} ${{x:+--keyserver-options http-proxy=\"$x\"}} --recv {id} 2>&1) && exit 0; r=$?\n\
                 done; printf '%s\\n' \"$o\" >&2; exit $r\n"
            );
            let server = self.keyserver.as_deref().unwrap_or_default();
            return Ok((script, format!("Error fetching key {} from keyserver: {server}", key.whole)));
        }
        let source = self.source().ok_or_else(|| Failure::new("No key to add ... how did i get here?!?!"))?;
        let said = match &self.file {
            Some(file) => format!("Unable to add a key from file {file}"),
            None => "Unable to add a key from binary data".into(),
        };
        Ok((format!("{source}{apt_key} add - <\"$f\"\n"), said))
    }
}

impl Key {
    /// An id as it is written.
    fn of(id: &str) -> Option<Self> {
        let whole = id.trim().to_uppercase();
        let whole = whole.strip_prefix("0X").unwrap_or(&whole).to_string();
        let good = matches!(whole.len(), 8 | 16..) && whole.chars().all(|c| c.is_ascii_hexdigit());
        let last = |n: usize| whole.get(whole.len().saturating_sub(n)..).unwrap_or(&whole).to_string();
        good.then(|| Self { print: last(16), short: last(8), whole: whole.clone() })
    }

    /// The ids in a list of keys, as long as this one is compared.
    fn listed(&self, text: &str) -> Vec<String> {
        let ids = text
            .lines()
            .filter(|line| (line.starts_with("pub") || line.starts_with("sub")) && !line.contains("expired"))
            .filter_map(|line| Some(line.split_whitespace().nth(1)?.split_once('/')?.1));
        let short = self.whole.len() == 8;
        ids.map(|id| if short { id.get(id.len().saturating_sub(8)..).unwrap_or(id) } else { id }.to_string())
            .collect()
    }

    fn is_in(&self, ids: &[String]) -> bool {
        ids.contains(if self.whole.len() == 8 { &self.short } else { &self.print })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_compared_at_the_length_it_is_given_in() {
        let listed = "/etc/apt/trusted.gpg\n---\npub   rsa4096/7EA0A9C3F273FCD8 2017-02-22 [SC]\n\
                      pub   rsa2048/1111222233334444 2009-01-01 [SC] [expired: 2012-01-01]\nsub   rsa4096/8D81803C0EBFCD88 2017-02-22 [S]\n";
        let long = Key::of("0x9dc858229fc7dd38854ae2d88d81803c0ebfcd88").unwrap();
        assert_eq!(long.listed(listed), ["7EA0A9C3F273FCD8", "8D81803C0EBFCD88"]);
        assert!(long.is_in(&long.listed(listed)));
        let short = Key::of("F273FCD8").unwrap();
        assert_eq!(short.listed(listed), ["F273FCD8", "0EBFCD88"]);
        assert!(short.is_in(&short.listed(listed)));
        for bad in ["", "xyz", "12345", "0123456789"] {
            assert_eq!(Key::of(bad), None, "{bad}");
        }
    }
}
