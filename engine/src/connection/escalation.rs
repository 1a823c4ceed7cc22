//! Becoming another user on the target. What `become*` says comes in, the words that start a command as that
//! user go out. A password is never among the words: the connection writes it to the prompt.

use super::Secret;

/// How to become somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `sudo`.
    Sudo,
    /// `su`.
    Su,
    /// `doas`.
    Doas,
}

impl Method {
    /// The method that `become_method` names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name
            .strip_prefix("ansible.builtin.")
            .or(name.strip_prefix("community.general."))
            .unwrap_or(name)
        {
            "sudo" => Some(Self::Sudo),
            "su" => Some(Self::Su),
            "doas" => Some(Self::Doas),
            _ => None,
        }
    }

    /// The program's name.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
            Self::Su => "su",
            Self::Doas => "doas",
        }
    }
}

/// Whom to become, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Escalation {
    /// The method.
    pub method: Method,
    /// `become_user`.
    pub user: String,
    /// `become_password`.
    pub password: Option<Secret>,
    /// `become_flags`, as written; unset means the method's own (`-H -S -n` for sudo).
    pub flags: Option<String>,
    /// `become_exe`: another program in place of the method's own.
    pub exe: Option<String>,
}

impl Escalation {
    /// Whether the program reads the password from a terminal only.
    #[must_use]
    pub fn needs_terminal(&self) -> bool {
        self.method == Method::Doas && self.password.is_some()
    }

    /// The line that runs a script as that user: `shell -c 'script'` behind the method's words. `prompt` is what
    /// sudo is told to ask with. The password is not in it.
    #[must_use]
    pub fn line(&self, shell: &str, script: &str, prompt: &str) -> String {
        let exe = self.exe.as_deref().filter(|exe| !exe.is_empty()).unwrap_or(self.method.program());
        let inner = format!("{shell} -c {}", quote(script));
        let user = quote(&self.user);
        let flags = self.flags();
        let flags = if flags.is_empty() { flags } else { format!(" {flags}") };
        match self.method {
            Method::Sudo => format!("{exe}{flags} -p {} -u {user} {inner}", quote(prompt)),
            Method::Su => format!("{exe}{flags} {user} -c {}", quote(&inner)),
            Method::Doas => format!("{exe}{flags} -u {user} {inner}"),
        }
    }

    /// The flags as they are used: with a password sudo must be free to ask, without one doas must not ask.
    fn flags(&self) -> String {
        match (self.method, &self.flags) {
            (Method::Sudo, None) if self.password.is_some() => "-H -S".to_owned(),
            (Method::Sudo, None) => "-H -S -n".to_owned(),
            (Method::Sudo, Some(flags)) if self.password.is_some() => without_n(flags),
            (Method::Doas, flags) if self.password.is_none() => {
                let flags = flags.as_deref().unwrap_or_default();
                format!("{flags} -n").trim_start().to_owned()
            }
            (_, flags) => flags.clone().unwrap_or_default(),
        }
    }

    /// Whether what the program said last is its question for the password.
    #[must_use]
    pub fn is_prompt(&self, said: &str, prompt: &str) -> bool {
        match self.method {
            Method::Sudo => said.contains(prompt.trim_end()),
            Method::Su | Method::Doas => {
                let line = said.rsplit(['\n', '\r']).next().unwrap_or_default().trim_end();
                line.ends_with([':', '：']) && PROMPTS.iter().any(|word| line.to_lowercase().contains(word))
            }
        }
    }
}

/// The word for a password in the languages that su asks in.
const PROMPTS: [&str; 28] = [
    "password",
    "passwort",
    "parole",
    "parool",
    "пароль",
    "парола",
    "лозинка",
    "contraseña",
    "contrasenya",
    "mot de passe",
    "wachtwoord",
    "adgangskode",
    "lösenord",
    "passord",
    "salasana",
    "hasło",
    "jelszó",
    "heslo",
    "senha",
    "pasahitza",
    "parola",
    "lykilorð",
    "geslo",
    "κωδικός",
    "密码",
    "密碼",
    "パスワード",
    "암호",
];

fn without_n(flags: &str) -> String {
    let Some(words) = shlex::split(flags) else { return flags.to_owned() };
    words
        .iter()
        .filter(|word| *word != "-n" && *word != "--non-interactive")
        .map(|word| match word.strip_prefix('-') {
            Some(letters) if !letters.starts_with('-') && letters.chars().all(char::is_alphabetic) => {
                quote(&format!("-{}", letters.replace('n', "")))
            }
            _ => quote(word),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Quotes a word for a POSIX shell where it needs that.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sudo() -> Escalation {
        Escalation { method: Method::Sudo, user: "root".into(), password: None, flags: None, exe: None }
    }

    #[test]
    fn the_words_are_those_of_the_method() {
        let secret = Some(Secret::new("s3cret"));
        let table = [
            (sudo(), "sudo -H -S -n -p 'P: ' -u root /bin/sh -c 'echo a'"),
            (
                Escalation { password: secret.clone(), ..sudo() },
                "sudo -H -S -p 'P: ' -u root /bin/sh -c 'echo a'",
            ),
            (
                Escalation {
                    password: secret.clone(),
                    flags: Some("-Hn --non-interactive -E".into()),
                    ..sudo()
                },
                "sudo -H -E -p 'P: ' -u root /bin/sh -c 'echo a'",
            ),
            (
                Escalation { flags: Some("-E".into()), exe: Some("/opt/sudo".into()), ..sudo() },
                "/opt/sudo -E -p 'P: ' -u root /bin/sh -c 'echo a'",
            ),
            (
                Escalation { method: Method::Su, user: "a b".into(), ..sudo() },
                r"su 'a b' -c '/bin/sh -c '\''echo a'\'''",
            ),
            (
                Escalation { method: Method::Su, flags: Some("-l".into()), ..sudo() },
                r"su -l root -c '/bin/sh -c '\''echo a'\'''",
            ),
            (Escalation { method: Method::Doas, ..sudo() }, "doas -n -u root /bin/sh -c 'echo a'"),
            (
                Escalation { method: Method::Doas, password: secret, ..sudo() },
                "doas -u root /bin/sh -c 'echo a'",
            ),
        ];
        for (escalation, line) in table {
            assert_eq!(escalation.line("/bin/sh", "echo a", "P: "), line);
        }
    }

    #[test]
    fn a_question_for_the_password_is_known_in_other_tongues() {
        let su = Escalation { method: Method::Su, ..sudo() };
        for asked in ["Password: ", "Passwort: ", "\r\nMot de passe : ", "密码：", "Password for root:"] {
            assert!(su.is_prompt(asked, ""), "{asked}");
        }
        for not in ["Password: \nsu: no", "root:", "the password is required"] {
            assert!(!su.is_prompt(not, ""), "{not}");
        }
    }
}
