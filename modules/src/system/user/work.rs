//! The script that changes a user: a home directory whose parents are missing, the one program, the password, then what
//! must hold afterwards (home, key, ages), and the look again. It stops at the first program that fails.

use super::look::{Seen, key_path, look_script};
use super::words::{Call, aging};
use super::{Args, quote};
use crate::system::account::program;
use muster_engine::module::Failure;

/// `home` makes a home directory as useradd would; `give` hands it to its user.
const HOME: &str = r#"home() {
  if [ -e "$2" ] && [ "$2" != /dev/null ]; then
    e=$( { mkdir -p -- "${1%/*}/" && cp -RpP -- "$2" "$1"; } 2>&1) || die "$e"
  else e=$(mkdir -p -- "$1" 2>&1) || die "$e"; fi
  [ -e /etc/login.defs ] || return 0
  m=755
  while read -r a b c; do
    [ -z "$c" ] || continue
    case $a in HOME_MODE) m=$b; break ;; UMASK) m=$(printf '%o' $((0777 & ~0$b))) ;; esac
  done < /etc/login.defs
  e=$(chmod "$m" -- "$1" 2>&1) || die "$e"
}
give() { find "$2" ! -type l -exec chown "$1" {} +; }
fields() { l=$(entry passwd "$1"); o=$IFS; IFS=:; set -f; set -- $l; i=${3-}:${4-}; IFS=$o; set +f; }
"#;

/// What the script reads: the password's line, then the passphrase.
pub(super) fn secrets(args: &Args) -> Option<Vec<u8>> {
    if args.password.is_none() && args.ssh_key_passphrase.is_none() {
        return None;
    }
    let lock = if args.password_lock == Some(true) { "!" } else { "" };
    let password = args.password.as_deref().unwrap_or("");
    let passphrase = args.ssh_key_passphrase.as_deref().unwrap_or("");
    Some(format!("{lock}{password}\n{passphrase}\n").into_bytes())
}

/// The script.
pub(super) fn script(args: &Args, seen: &Seen, call: Option<&Call>) -> Result<String, Failure> {
    if args.password.as_deref().is_some_and(|text| text.contains('\n')) {
        return Err(Failure::new("password must not go over more than one line"));
    }
    let name = quote(&args.name);
    let mut out = String::from(HOME);
    out.push_str("pw= pp=; IFS= read -r pw; IFS= read -r pp\n");
    let skeleton = args.skeleton.as_deref().unwrap_or("/etc/skel");
    let make = |home: &str| format!("home {home} {}\n", quote(skeleton));
    let new = seen.user.is_none() && args.state == "present";
    let parents = new && args.create_home && args.home.is_some() && !seen.home_has_parent;
    if parents {
        out.push_str(&make(&quote(&seen.home)));
    }
    // What only a password or groups need is done by their own programs, and these are what is reported then.
    match call {
        Some(call) => out.push_str(&calls(args, call)),
        None => out.push_str("put 0; put ''; put ''; act_r=0\n"),
    }
    if args.state == "absent" {
        return Ok(out);
    }
    out.push_str(&format!("if [ \"$act_r\" = 0 ]; then\nfields {name}\n"));
    if parents {
        out.push_str(&format!("give \"$i\" {}\n", quote(&seen.home)));
    }
    if args.create_home {
        let home = match args.home {
            Some(_) => format!("h={}", quote(&seen.home)),
            None => "h=${l%:*}; h=${h##*:}".into(),
        };
        out.push_str(&format!("{home}\nif [ ! -e \"$h\" ]; then {}give \"$i\" \"$h\"; fi\n", make("\"$h\"")));
    }
    if args.generate_ssh_key == Some(true) {
        out.push_str(&key(args));
    }
    if let Some(words) = aging(args, seen) {
        out.push_str(&format!("e=$(chage{words} -- {name} 2>&1) || die \"$e\"\n"));
    }
    out.push_str(&format!("fi\n{}", look_script(args)));
    Ok(out)
}

fn calls(args: &Args, call: &Call) -> String {
    let name = quote(&args.name);
    let words = call.words.join(" ");
    let mut out = match (call.program, call.needed) {
        (_, false) => "put 0; put ''; put ''; act_r=0\n".to_string(),
        ("userdel", true) => crate::system::account::either(
            "userdel",
            &format!("userdel {words} -- {name}"),
            "deluser",
            &format!("deluser{} {name}", if args.remove { " --remove-home" } else { "" }),
        ),
        (other, true) => {
            // Ansible asks for the two of them before the one it calls.
            let first = if args.local == Some(true) {
                [program("lgroupmod"), program("lchage")].concat()
            } else {
                String::new()
            };
            format!("{first}{}act {other} {words} -- {name}\n", program(other))
        }
    };
    let mut more = call.after.clone();
    if call.password {
        out.push_str(&format!(
            "if [ \"$act_r\" = 0 ]; then e=$(printf '%s:%s\\n' {name} \"$pw\" | chpasswd -e 2>&1) || die \"$e\"; fi\n"
        ));
    }
    if !more.is_empty() {
        more.iter_mut().for_each(|command| *command = format!("e=$({command} 2>&1) || die \"$e\"\n"));
        out.push_str(&format!("if [ \"$act_r\" = 0 ]; then\n{}fi\n", more.concat()));
    }
    out
}

/// Makes the key unless there is one. A passphrase is handed over by a program that ssh-keygen asks for it.
fn key(args: &Args) -> String {
    let bits = if args.ssh_key_bits > 0 { format!(" -b {}", args.ssh_key_bits) } else { String::new() };
    let comment =
        args.ssh_key_comment.as_deref().map_or_else(|| "\"ansible-generated on $(uname -n)\"".into(), quote);
    let keygen = format!("ssh-keygen -t {}{bits} -C {comment} -f \"$k\"", quote(&args.ssh_key_type));
    let keygen = match &args.ssh_key_passphrase {
        None => format!("e=$({keygen} -N '' 2>&1 </dev/null) || die \"$e\""),
        Some(_) => format!(
            "u=$(umask); umask 077; d=$(mktemp -d) || exit 1; trap 'rm -rf \"$d\"' EXIT\n\
             printf '%s\\n' \"$pp\" > \"$d/p\"; printf '#!/bin/sh\\ncat \"%s/p\"\\n' \"$d\" > \"$d/ask\"; chmod 700 \"$d/ask\"; umask \"$u\"\n\
             e=$(SSH_ASKPASS=$d/ask SSH_ASKPASS_REQUIRE=force DISPLAY=${{DISPLAY-:}} setsid {keygen} 2>&1 </dev/null) || die \"$e\""
        ),
    };
    let free = if args.force { "rm -f -- \"$k\" \"$k.pub\"\n" } else { "" };
    format!(
        "{}{}if [ ! -e \"${{k%/*}}\" ]; then e=$( {{ mkdir -m 700 -- \"${{k%/*}}\" && chown \"$i\" -- \"${{k%/*}}\"; }} 2>&1) || die \"Failed to create ${{k%/*}}: $e\"; fi\n\
         {free}if [ ! -e \"$k\" ] && [ ! -e \"$k.pub\" ]; then\n{keygen}\nchown \"$i\" -- \"$k\" \"$k.pub\"\nfi\n",
        program("ssh-keygen"),
        key_path(args),
    )
}
