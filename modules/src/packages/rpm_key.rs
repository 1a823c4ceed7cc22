//! `ansible.builtin.rpm_key`: a key in rpm's own list. The key's id comes out of the file (or is given), gpg reads what rpm
//! has, and rpm imports or erases. A key behind a URL is fetched with curl or wget of the target.

use crate::command::words::{expanded, quote};
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;

/// `ansible.builtin.rpm_key`.
pub(super) struct RpmKey;

/// What a task gives to [`RpmKey`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Args {
    state: String,
    key: String,
    fingerprint: Option<Vec<String>>,
    validate_certs: bool,
}

/// The command that makes the change.
#[derive(Debug)]
pub(super) struct Change(String);

impl Module for RpmKey {
    const NAME: &'static str = "ansible.builtin.rpm_key";
    const SPEC: Spec = Spec::new(
        "Adds a key to those that rpm trusts, or removes it.",
        &[
            Opt::new("state", Kind::Str, "Whether it shall be there.")
                .choices(&["absent", "present"])
                .default("present"),
            Opt::new("key", Kind::Str, "A file on the target, a URL, or (to remove it) the key's id.")
                .required(),
            Opt::new("fingerprint", Kind::List, "Fingerprints that the file must have.").elements(Kind::Str),
            Opt::new("validate_certs", Kind::Bool, "Whether the URL's certificate is checked.")
                .default("true"),
        ],
    )
    .examples("- rpm_key:\n    key: /etc/pki/rpm-gpg/RPM-GPG-KEY-k8s\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let file = args.file();
        let id = args.id();
        let find = match &id {
            Some(id) => format!("echo {}\n", quote(id)),
            None => format!(
                "{file}$g --no-tty --batch --with-colons --fixed-list-mode \"$f\" 2>/dev/null | awk -F: '/^pub:/{{print $5; exit}}'\n"
            ),
        };
        let prints = match (&args.fingerprint, &id) {
            (Some(_), None) => {
                "$g --no-tty --batch --with-colons --fixed-list-mode --import --import-options show-only --dry-run \"$f\" 2>/dev/null | awk -F: '/^fpr:/{print \"fpr \" $10}'\n"
            }
            _ => "",
        };
        let script = format!(
            "g=$(command -v gpg || command -v gpg2) || {{ echo 'Failed to find required executable \"gpg2\"' >&2; exit 95; }}\n\
             {find}{prints}if o=$(rpm -q gpg-pubkey --qf '%{{description}}'); then printf '%s\\n' \"$o\" | $g --no-tty --batch --with-colons --fixed-list-mode - 2>/dev/null | awk -F: '{{print \"has \" $5}}'; fi\nexit 0\n"
        );
        let seen = tool::ask(cx, &["rpm"], &script).await?;
        if !seen.succeeded() {
            return Err(Failure::new(seen.err().trim()));
        }
        let text = seen.out();
        let keyid =
            text.lines().next().filter(|line| !line.contains(' ')).unwrap_or("").trim().to_uppercase();
        let keyid = keyid.strip_prefix("0X").unwrap_or(&keyid);
        if keyid.is_empty() {
            return Err(Failure::new("Unexpected gpg output"));
        }
        let there = text.lines().filter_map(|line| line.strip_prefix("has ")).any(|has| has.contains(keyid));
        let present = args.state == "present";
        if there == present {
            return Ok(Check::Done(Output::new(false)));
        }
        if !present {
            let last = keyid.get(keyid.len().saturating_sub(8)..).unwrap_or(keyid).to_lowercase();
            let command = format!("rpm --erase --allmatches {}\n", quote(&format!("gpg-pubkey-{last}")));
            return Ok(Check::Would { change: Change(command), foreseen: Output::new(true) });
        }
        if id.is_some() {
            return Err(Failure::new("When importing a key, a valid file must be given"));
        }
        let wanted: Vec<String> =
            args.fingerprint.iter().flatten().map(|print| print.replace(' ', "").to_uppercase()).collect();
        let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("fpr ")).collect();
        if !wanted.iter().all(|print| found.contains(&print.as_str())) {
            let set = |items: Vec<&str>| format!("{{'{}'}}", items.join("', '"));
            let wanted = set(wanted.iter().map(String::as_str).collect());
            return Err(Failure::new(format!(
                "The specified fingerprint, '{wanted}', does not match any key fingerprints in '{}'",
                set(found)
            )));
        }
        Ok(Check::Would {
            change: Change(format!("{file}rpm --import \"$f\"\n")),
            foreseen: Output::new(true),
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let done = tool::ask(cx, &["rpm"], &change.0).await?;
        if done.succeeded() { Ok(Output::new(true)) } else { Err(Failure::new(done.err())) }
    }
}

impl Args {
    /// The id, if the key is given by one.
    fn id(&self) -> Option<String> {
        if self.key.contains("://") {
            return None;
        }
        let digits = self.key.strip_prefix("0x").or_else(|| self.key.strip_prefix("0X")).unwrap_or(&self.key);
        let hex = digits.get(..8).is_some_and(|head| head.chars().all(|c| c.is_ascii_hexdigit()));
        hex.then(|| self.key.clone())
    }

    /// The piece of script after which `$f` is the file of the key.
    fn file(&self) -> String {
        if !self.key.contains("://") {
            let message = quote(&format!("Not a valid key {}", self.key));
            return format!(
                "f={}\n[ -f \"$f\" ] || {{ echo {message} >&2; exit 95; }}\n",
                expanded(&self.key)
            );
        }
        let (curl, wget) = if self.validate_certs { ("", "") } else { (" -k", " --no-check-certificate") };
        let url = quote(&self.key);
        format!(
            "f=$(mktemp) || exit 95; trap 'rm -f \"$f\"' EXIT\n\
             e=$(if command -v curl >/dev/null; then curl -fsSL{curl} -o \"$f\" {url} 2>&1; else wget -q{wget} -O \"$f\" {url} 2>&1; fi) || {{ printf 'failed to fetch key at %s , error was: %s\\n' {url} \"$e\" >&2; exit 95; }}\n\
             grep -q -e '-----BEGIN PGP PUBLIC KEY BLOCK-----' \"$f\" || {{ printf 'Not a public key: %s\\n' {url} >&2; exit 95; }}\n"
        )
    }
}
