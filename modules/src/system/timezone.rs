//! `community.general.timezone`: the time zone of the system's clock and what the hardware clock keeps. By timedatectl
//! where it works; elsewhere `/etc/localtime` and the file with the zone's name, as Debian, Alpine and Red Hat keep it.

use crate::command::words::quote;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;

/// `community.general.timezone`.
pub struct Timezone;

/// What a task gives to [`Timezone`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: Option<String>,
    hwclock: Option<String>,
}

/// What is to be done.
#[derive(Debug)]
pub struct Change {
    /// Command lines, and whether the answer names them.
    script: String,
    messages: Vec<String>,
    output: Output,
}

/// Prints how it is: who keeps it, whether the zone exists, the zone, and whether the hardware clock is in local time.
const LOOK: &str = r#"[ -z "$z" ] || [ -f "/usr/share/zoneinfo/$z" ] || echo missing
if t=$(command -v timedatectl) && s=$("$t" status 2>/dev/null); then
  echo "timedatectl=$t"
  printf '%s\n' "$s" | sed -n 's/^ *Time *zone *: *\([^ ]*\).*/zone=\1/p; s/^ *RTC in local TZ *: *\([^ ]*\).*/local=\1/p'
  exit 0
fi
if command -v dpkg-reconfigure >/dev/null; then echo kept=debian; f=/etc/timezone; n=$(sed -n 's/^\([^ ]\{1,\}\).*/\1/p' $f 2>/dev/null | head -n 1)
elif command -v setup-timezone >/dev/null; then echo kept=alpine; n=$(sed -n 's/^\([^ ]\{1,\}\).*/\1/p' /etc/timezone 2>/dev/null | head -n 1)
else echo kept=redhat; n=$(sed -n 's/^ZONE *= *"\{0,1\}\([^" ]*\).*/\1/p' /etc/sysconfig/clock 2>/dev/null | head -n 1); fi
n=${n:-n/a}
if [ "$n" = "$z" ]; then
  if [ -L /etc/localtime ]; then
    l=$(readlink /etc/localtime)
    case $l in
      */usr/share/zoneinfo/*|*/etc/zoneinfo/*) [ -e /etc/localtime ] && n=${l#*zoneinfo/} || n=n/a ;;
      *) n=n/a ;;
    esac
  else cmp -s /etc/localtime "/usr/share/zoneinfo/$z" || n=n/a; fi
fi
echo "zone=$n"
"#;

impl Module for Timezone {
    const NAME: &'static str = "community.general.timezone";
    const SPEC: Spec = Spec::new(
        "Sets the time zone, and whether the hardware clock is in it.",
        &[
            Opt::new("hwclock", Kind::Str, "What the hardware clock keeps.")
                .aliases(&["rtc"])
                .choices(&["local", "UTC"]),
            Opt::new("name", Kind::Str, "The zone: `Europe/Berlin`."),
        ],
    )
    .one_of(&[&["hwclock", "name"]])
    .examples("- community.general.timezone:\n    name: Etc/UTC\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let zone = args.name.clone().unwrap_or_default();
        let seen = tool::ask(cx, &[], &format!("z={}\n{LOOK}", quote(&zone))).await?;
        let text = seen.out();
        let told = |key: &str| tool::told(&text, key).map(str::to_string);
        if text.lines().any(|line| line == "missing") {
            return Err(Failure::new(format!("Error message:\ngiven timezone \"{zone}\" is not available")));
        }
        let timedatectl = told("timedatectl");
        if timedatectl.is_none() && args.hwclock.is_some() {
            return Err(Failure::new(
                "`hwclock` is supported only where timedatectl works: use `command: hwclock --systohc`",
            ));
        }
        let (mut before, mut after, mut script, mut messages) =
            (Map::new(), Map::new(), String::new(), vec![]);
        let mut plan = |key: &str, now: String, wanted: &str, verb: &str, word: &str| {
            let differs = now != wanted;
            before.insert(key.into(), now.into());
            after.insert(key.into(), wanted.into());
            if let Some(program) = timedatectl.as_ref().filter(|_| differs) {
                script.push_str(&format!("{} {verb} {} || exit $?\n", quote(program), quote(word)));
                messages.push(format!("executed `{program} {verb} {word}`"));
            }
            differs
        };
        let mut changed = false;
        if let Some(clock) = &args.hwclock {
            let now = if told("local").as_deref() == Some("yes") { "local" } else { "UTC" };
            changed |= plan(
                "hwclock",
                now.into(),
                clock,
                "set-local-rtc",
                if clock == "local" { "yes" } else { "no" },
            );
        }
        if let Some(zone) = &args.name {
            changed |= plan("name", told("zone").unwrap_or_default(), zone, "set-timezone", zone);
        }
        if changed && timedatectl.is_none() {
            script = by_hand(&zone, told("kept").as_deref().unwrap_or(""));
        }
        let output = Output::new(changed).with("diff", json!({ "before": before, "after": after }));
        match changed {
            false => Ok(Check::Done(output)),
            true => Ok(Check::Would {
                change: Change { script, messages, output: output.clone() },
                foreseen: output,
            }),
        }
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let done = tool::ask(cx, &[], &change.script).await?;
        if !done.succeeded() {
            let (out, err) = (done.out(), done.err());
            return Err(tool::failed(err.trim_end(), Some(done.rc), &out, &err));
        }
        let told: Vec<String> = change
            .messages
            .into_iter()
            .chain(done.out().lines().filter_map(|line| line.strip_prefix("@").map(str::to_string)))
            .collect();
        Ok(if told.is_empty() { change.output } else { change.output.with("msg", told.join("\n")) })
    }
}

/// Sets the zone without timedatectl; lines that begin with `@` are for the answer.
fn by_hand(zone: &str, kept: &str) -> String {
    let (word, file) = (quote(zone), quote(&format!("/usr/share/zoneinfo/{zone}")));
    let edit = |path: &str, pattern: &str, line: &str| {
        format!(
            "n=$(grep -c {pattern} {path} 2>/dev/null); n=${{n:-0}}\n\
             {{ if [ \"$n\" -gt 0 ]; then awk -v l={line} '$0 ~ p {{ if (!d) print l; d = 1; next }} {{ print }}' p={pattern} {path}; else printf '%s\\n' {line}; cat {path} 2>/dev/null; fi; }} > {path}.$$ && cat {path}.$$ > {path} && rm -f {path}.$$ || exit 1\n\
             echo \"@Added 1 line and deleted $n line(s) on {path}\"\n",
            line = quote(line)
        )
    };
    match kept {
        "alpine" => format!(
            "{}setup-timezone -z {word} >/dev/null || exit $?\n",
            edit("/etc/timezone", "'^[^ ]'", zone)
        ),
        "debian" => format!(
            "{}ln -sf {file} /etc/localtime || exit $?\n\
             dpkg-reconfigure --frontend noninteractive tzdata >/dev/null || exit $?\n\
",
            edit("/etc/timezone", "'^[^ ]'", zone),
        ),
        _ => format!(
            "{}cp --remove-destination {file} /etc/localtime || exit $?\n",
            edit("/etc/sysconfig/clock", "'^ZONE *='", &format!("ZONE=\"{zone}\""))
        ),
    }
}
