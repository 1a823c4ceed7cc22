//! A download inside of a module's own script: an address comes in, the lines that put what is there into `$f` go out. They
//! end the script by its `die` where that fails. The address may hold a password and is no argument of any program.

use super::get_url::masked;
use super::script::quote;

/// The lines. `failed` is said before the address, `joint` between it and the reason.
pub(crate) fn into_file(url: &str, checked: bool, failed: &str, joint: &str) -> String {
    let (curl, wget) = if checked { ("", "") } else { (" -k", " --no-check-certificate") };
    let told = quote(&format!("url = \"{}\"", url.replace('\\', r"\\").replace('"', "\\\"")));
    let said = quote(&format!("{failed} {}{joint}", masked(url)));
    let url = quote(url);
    format!(
        "if command -v curl >/dev/null 2>&1; then\n\
         h=$(mktemp) || die 'no temporary file could be made'\n\
         c=$(printf '%s\\n' {told} | curl -q -sSL{curl} -K - -D \"$h\" -o \"$f\" -w '%{{http_code}}' 2>&1) || {{ rm -f \"$h\"; die {said}\"Request failed: <$c>\"; }}\n\
         r=$(tr -d '\\r' <\"$h\" | sed -n 's/^HTTP[^ ]* [0-9]* *//p' | tail -n 1); rm -f \"$h\"\n\
         case $c in 2*|000) ;; *) die {said}\"HTTP Error $c: $r\" ;; esac\n\
         elif command -v wget >/dev/null 2>&1; then\n\
         e=$(printf '%s\\n' {url} | wget -q{wget} -O \"$f\" -i - 2>&1) || die {said}\"Request failed: <$e>\"\n\
         else die 'the target has neither curl nor wget (install curl there)'; fi\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_neither_an_argument_nor_said() {
        let script = into_file("https://u:secret@h/x", true, "Failure downloading", ", ");
        let with_it: Vec<&str> = script.lines().filter(|line| line.contains("secret")).collect();
        assert!(with_it.iter().all(|line| line.contains("$(printf '%s\\n' ")), "{with_it:?}");
        assert!(
            script.contains("'Failure downloading https://****:****@h/x, '\"HTTP Error $c: $r\""),
            "{script}"
        );
    }
}
