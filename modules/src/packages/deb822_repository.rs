//! `ansible.builtin.deb822_repository`: one source of apt in a file of its own. Its options become the file's fields; a key
//! given by its URL is fetched on the target and kept beside other keys. The target needs apt, nothing of Python.

use crate::command::words::quote;
use crate::files::attributes::Wanted;
use crate::files::facts::{Content, Look};
use crate::files::text::{Edit, Manner};
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde_json::{Value as Json, json};

/// `ansible.builtin.deb822_repository`.
pub(super) struct Deb822Repository;

/// What is to be done, in this order.
#[derive(Debug)]
pub(super) struct Change {
    /// Commands before the files are written.
    script: String,
    edits: Vec<Edit>,
    output: Output,
}

/// Where keys of archives are kept.
const KEYRINGS: &str = "/etc/apt/keyrings";

impl Module for Deb822Repository {
    const NAME: &'static str = "ansible.builtin.deb822_repository";
    const SPEC: Spec = Spec::new("Adds and removes a source of apt as a file of fields.", &[
        Opt::new("allow_downgrade_to_insecure", Kind::Bool, "Whether an archive may stop being signed."),
        Opt::new("allow_insecure", Kind::Bool, "Whether it need not be signed."),
        Opt::new("allow_weak", Kind::Bool, "Whether weak digests will do."),
        Opt::new("architectures", Kind::List, "The architectures to look for.").elements(Kind::Str),
        Opt::new("by_hash", Kind::Bool, "Whether indexes are fetched by their hash."),
        Opt::new("check_date", Kind::Bool, "Whether the machine's clock is trusted."),
        Opt::new("check_valid_until", Kind::Bool, "Whether indexes may be too old."),
        Opt::new("components", Kind::List, "The parts of the suite.").elements(Kind::Str),
        Opt::new("date_max_future", Kind::Int, "How many seconds ahead an archive may be."),
        Opt::new("enabled", Kind::Bool, "Whether apt uses it."),
        Opt::new("inrelease_path", Kind::Str, "Where `InRelease` is, from its usual place."),
        Opt::new("languages", Kind::List, "The languages of descriptions.").elements(Kind::Str),
        Opt::new("name", Kind::Str, "Its name; the files are named after it.").required(),
        Opt::new("pdiffs", Kind::Bool, "Whether old indexes are patched."),
        Opt::new("signed_by", Kind::Str, "The key: a URL, a file on the target, fingerprints, or the block itself."),
        Opt::new("suites", Kind::List, "The suites.").elements(Kind::Str),
        Opt::new("targets", Kind::List, "Which indexes are fetched.").elements(Kind::Str),
        Opt::new("trusted", Kind::Bool, "Whether it is trusted or not, whatever signs it."),
        Opt::new("types", Kind::List, "`deb` for packages, `deb-src` for their sources.")
            .elements(Kind::Str)
            .choices(&["deb", "deb-src"])
            .default("[deb]"),
        Opt::new("uris", Kind::List, "The addresses.").elements(Kind::Str),
        Opt::new("mode", Kind::Raw, "The permissions of its file.").default("\"0644\""),
        Opt::new("state", Kind::Str, "Whether it shall be there.").choices(&["present", "absent"]).default("present"),
    ])
    .examples("- deb822_repository:\n    name: kubernetes\n    uris: https://pkgs.example.org/deb/\n    suites: stable\n    components: main\n    signed_by: https://pkgs.example.org/key.asc\n");
    type Args = Map;
    type Change = Change;

    async fn check(&self, args: &Map, cx: &Context) -> Result<Check<Change>, Failure> {
        let name = args.get("name").and_then(Json::as_str).unwrap_or("");
        let slug = slug(name);
        let dest = format!("/etc/apt/sources.list.d/{slug}.sources");
        let keys = ["asc", "gpg"].map(|ending| format!("{KEYRINGS}/{slug}.{ending}"));
        if args.get("state").and_then(Json::as_str) == Some("absent") {
            let [armored, binary] = &keys;
            let paths = [&dest, armored, binary].map(|path| quote(path)).join(" ");
            let seen =
                cx.sh(format!("for f in {paths}; do [ -e \"$f\" ] && echo yes; done; exit 0\n")).await?;
            let changed = !seen.out().is_empty();
            let output = Output::new(changed)
                .with("repo", Json::Null)
                .with("dest", dest.as_str())
                .with("key_filename", binary.as_str());
            if !changed {
                return Ok(Check::Done(output));
            }
            let change =
                Change { script: format!("rm -f -- {paths}\n"), edits: vec![], output: output.clone() };
            return Ok(Check::Would { change, foreseen: output });
        }
        let (mut script, mut edits, mut signed, mut key_file) = (String::new(), vec![], None, Json::Null);
        if let Some(given) = args.get("signed_by").and_then(Json::as_str) {
            signed = Some(given.to_string());
            if let Some(key) = Key::find(given, cx).await? {
                let path = match &key {
                    Key::There => given.to_string(),
                    Key::Fetched(bytes) => {
                        let [armored, binary] = &keys;
                        let block = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
                        let is_text = bytes.windows(block.len()).any(|part| part == block);
                        if is_text { armored.clone() } else { binary.clone() }
                    }
                };
                if let Key::Fetched(bytes) = key {
                    let edit = edit(&path, bytes, json!("0644"), cx).await?;
                    if edit.as_ref().is_some_and(|(_, new)| *new) {
                        script =
                            format!("[ -d {KEYRINGS} ] || install -d -m 0755 -o root -g root {KEYRINGS}\n");
                    }
                    edits.extend(edit.map(|(edit, _)| edit));
                }
                key_file = path.as_str().into();
                signed = Some(path);
            }
        }
        let repo = written(args, signed.as_deref());
        let mode = args.get("mode").cloned().unwrap_or(Json::Null);
        edits.extend(edit(&dest, repo.clone().into_bytes(), mode, cx).await?.map(|(edit, _)| edit));
        let output = Output::new(!edits.is_empty())
            .with("repo", repo)
            .with("dest", dest)
            .with("key_filename", key_file);
        let foreseen = described(output.clone(), cx).await?;
        if edits.is_empty() {
            return Ok(Check::Done(foreseen));
        }
        Ok(Check::Would { change: Change { script, edits, output }, foreseen })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        if !change.script.is_empty() {
            let done = cx.sh(change.script).await?;
            if !done.succeeded() {
                return Err(Failure::new(done.err().trim()));
            }
        }
        for edit in change.edits {
            edit.run(cx).await?;
        }
        described(change.output, cx).await
    }
}

/// An answer with what is at its `dest`.
async fn described(mut output: Output, cx: &Context) -> Result<Output, Failure> {
    if let Some(dest) = output.result.get("dest").and_then(Json::as_str).map(str::to_string) {
        Look::at(&dest).run(cx).await?.seen.describe(&mut output.result);
    }
    Ok(output)
}

/// A key that is a file.
enum Key {
    /// On the target already.
    There,
    /// From its URL.
    Fetched(Vec<u8>),
}

impl Key {
    /// Whether `signed_by` names a file or a URL; what it is else stands in the source itself.
    async fn find(given: &str, cx: &Context) -> Result<Option<Self>, Failure> {
        let scheme = given.split_once(':').map(|(scheme, _)| scheme).unwrap_or("");
        let mut letters = scheme.chars();
        let is_url = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let word = quote(given);
        let there = format!("[ -f {word} ] && {{ echo there; exit 0; }}\n");
        if !is_url {
            let seen = cx.sh(format!("{there}exit 0\n")).await?;
            return Ok((!seen.out().is_empty()).then_some(Self::There));
        }
        let script = format!(
            "{there}t=$(mktemp -d) || exit 1; trap 'rm -rf \"$t\"' EXIT; f=$t/key\n\
             e=$(case {word} in file:*) cat -- \"$(printf '%s' {word} | sed 's,^file:/*,/,')\" 2>&1 >\"$f\";;\n\
             *) if command -v curl >/dev/null; then curl -fsSL -o \"$f\" {word} 2>&1; elif command -v wget >/dev/null; then wget -nv -O \"$f\" {word} 2>&1;\n\
             else /usr/lib/apt/apt-helper download-file {word} \"$f\" 2>&1; fi;; esac) || {{ printf '%s\\n' \"$e\" >&2; exit 95; }}\n\
             echo fetched; cat \"$f\"\n"
        );
        let seen = tool::run(cx, script).await?;
        if !seen.succeeded() {
            return Err(Failure::new(format!("Could not fetch signed_by key: {}", seen.err().trim())));
        }
        match seen.stdout.strip_prefix(b"fetched\n") {
            Some(bytes) => Ok(Some(Self::Fetched(bytes.to_vec()))),
            None => Ok(Some(Self::There)),
        }
    }
}

/// What has to be done for a file to have these bytes and this mode, and whether the bytes differ.
async fn edit(path: &str, bytes: Vec<u8>, mode: Json, cx: &Context) -> Result<Option<(Edit, bool)>, Failure> {
    let facts = Look::at(path).content(Content::All).run(cx).await?;
    let differs = facts.content.as_deref() != Some(bytes.as_slice());
    let wanted = Wanted { mode: Some(mode), ..Wanted::default() };
    let edit = Edit::new(&facts, &wanted, differs.then_some(bytes), Manner::default())?;
    Ok((!edit.is_nothing()).then_some((edit, differs)))
}

/// The name that files get.
fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '-' => out.push(c),
            c if (c == '_' || c.is_whitespace()) && !out.ends_with('\u{1}') => out.push('\u{1}'),
            _ => {}
        }
    }
    out.replace('\u{1}', "-")
}

/// The file: a field for each option that is given.
fn written(args: &Map, signed: Option<&str>) -> String {
    let mut keys: Vec<&String> =
        args.keys().filter(|key| !matches!(key.as_str(), "mode" | "state")).collect();
    keys.sort();
    let mut out = String::new();
    for key in keys {
        let value = match args.get(key) {
            Some(Json::Bool(yes)) => if *yes { "yes" } else { "no" }.to_string(),
            Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(" "),
            Some(Json::String(text)) if key == "signed_by" => signed.unwrap_or(text).to_string(),
            Some(Json::String(text)) => text.clone(),
            Some(Json::Null) | None => continue,
            Some(other) => other.to_string(),
        };
        if !value.contains('\n') {
            out.push_str(&format!("{}: {value}\n", field(key)));
            continue;
        }
        // An empty line would end the source.
        let lines = value.trim().lines().map(|line| if line.trim().is_empty() { "." } else { line.trim() });
        out.push_str(&format!("{}:\n", field(key)));
        lines.for_each(|line| out.push_str(&format!("    {line}\n")));
    }
    out
}

/// The name of a field.
fn field(option: &str) -> String {
    match option {
        "name" => "X-Repolib-Name".into(),
        "uris" => "URIs".into(),
        option => {
            let words = option.split('_').map(|word| {
                let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
                format!("{}{rest}", first.to_uppercase())
            });
            words.collect::<Vec<_>>().join("-")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_a_field_for_each_option() {
        let Json::Object(args) = json!({
            "name": "K 8s_x!", "types": ["deb"], "uris": ["http://a", "http://b"], "suites": ["./"],
            "allow_insecure": true, "date_max_future": 10, "signed_by": "-----BEGIN\n\nVersion: 1\n",
            "mode": "0644", "state": "present",
        }) else {
            unreachable!()
        };
        assert_eq!(
            written(&args, None),
            "Allow-Insecure: yes\nDate-Max-Future: 10\nX-Repolib-Name: K 8s_x!\nSigned-By:\n    -----BEGIN\n    .\n    Version: 1\nSuites: ./\nTypes: deb\nURIs: http://a http://b\n"
        );
        assert_eq!(slug("K 8s_x! y"), "k-8s-x-y");
    }
}
