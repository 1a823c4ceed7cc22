//! `muster vault encrypt-string`: strings come from arguments, stdin or a person, YAML goes out. No plain text is ever
//! part of a message.

use super::Work;
use super::files::{Holds, Place};
use crate::cli::EncryptString;
use crate::exit::Exit;
use crate::terminal;
use muster_engine::diagnostic::Class;
use muster_engine::secret::Secret;
use muster_engine::vault::encrypt;
use std::io::{self, IsTerminal};

/// Columns before each line of a vault, as ansible-vault has it.
const INDENT: &str = "          ";

/// A string to encrypt.
struct Plain {
    name: Option<String>,
    origin: &'static str,
    text: Secret,
}

impl Work<'_> {
    /// Encrypts strings and writes them as YAML.
    pub(super) fn strings(&self, asked: &EncryptString) -> Result<(), Exit> {
        let from_stdin = asked.strings.iter().any(|text| text == "-")
            || asked.stdin_name.is_some()
            || (asked.strings.is_empty() && !asked.prompt);
        if asked.prompt && from_stdin {
            let message = "The --prompt option is not supported if also reading input from stdin";
            return Err(self.usage(message, "take `-` or --stdin-name away"));
        }
        let (id, password) = self.encrypting(&asked.passwords, asked.encrypt_vault_id.as_deref())?;
        let mut plain = vec![];
        if asked.prompt {
            plain.push(self.typed(asked.show_input)?);
        }
        if from_stdin {
            plain.push(self.from_stdin(asked.stdin_name.clone())?);
        }
        plain.extend(self.from_arguments(asked)?);
        let mut out = String::new();
        let many = plain.len() > 1;
        for (index, Plain { name, origin, text }) in plain.iter().enumerate() {
            let vault = encrypt(text.reveal().as_bytes(), &password, Some(&id));
            let vault = vault.map_err(|error| self.broken(&error, "the string"))?;
            match name {
                Some(name) if many => eprintln!(
                    "# The encrypted version of variable (\"{name}\", the string #{} from {origin}).",
                    index + 1
                ),
                None if many => {
                    eprintln!("# The encrypted version of the string #{} from {origin}.)", index + 1);
                }
                _ => {}
            }
            out.extend(name.iter().flat_map(|name| [name, ": "]));
            out.push_str("!vault |\n");
            vault.lines().for_each(|line| out.extend([INDENT, line, "\n"]));
        }
        let place = asked.output.as_deref().map_or(Place::Stream, Place::of);
        self.write(&place, out.as_bytes(), Holds::Vault)?;
        self.done("Encryption successful");
        Ok(())
    }

    fn typed(&self, show: bool) -> Result<Plain, Exit> {
        let ask = || {
            let name = terminal::ask("Variable name (enter for no name): ")?;
            let text = match show {
                true => terminal::ask("String to encrypt:").map(Secret::new)?,
                false => terminal::ask_secret("String to encrypt (hidden): ")?,
            };
            Ok(Plain {
                name: Some(name).filter(|name| !name.is_empty()),
                origin: "the interactive prompt",
                text,
            })
        };
        let asked = ask().map_err(|error: io::Error| {
            let message = format!("cannot ask for a string: {error}");
            self.usage(&message, "give it on stdin, with --stdin-name NAME")
        })?;
        self.filled(asked, "The plaintext provided from the prompt was empty, not encrypting")
    }

    fn from_stdin(&self, name: Option<String>) -> Result<Plain, Exit> {
        if io::stdout().is_terminal() {
            eprintln!(
                "Reading plaintext input from stdin. (ctrl-d to end input, twice if your content does not already \
                 have a newline)"
            );
        }
        let bytes = self.read(&Place::Stream)?;
        let text = String::from_utf8(bytes).map_err(|_| self.usage("stdin is not UTF-8 text", ""))?;
        if io::stdout().is_terminal() && !text.ends_with('\n') {
            eprintln!("\n");
        }
        self.filled(
            Plain { name, origin: "stdin", text: Secret::new(text) },
            "stdin was empty, not encrypting",
        )
    }

    fn from_arguments(&self, asked: &EncryptString) -> Result<Vec<Plain>, Exit> {
        let texts: Vec<&String> = asked.strings.iter().filter(|text| *text != "-").collect();
        if let Some(last) = asked.names.last().filter(|_| texts.len() > asked.names.len()) {
            eprintln!("The number of --name options do not match the number of args.");
            eprintln!("The last named variable will be \"{last}\". The rest will not have names.");
        }
        let names = asked.names.iter().cloned().map(Some).chain(std::iter::repeat(None));
        let plain = texts.into_iter().zip(names).map(|(text, name)| {
            let plain = Plain { name, origin: "the command line args", text: Secret::new(text.as_str()) };
            self.filled(plain, "The plaintext provided from the command line args was empty, not encrypting")
        });
        plain.collect()
    }

    fn filled(&self, plain: Plain, message: &str) -> Result<Plain, Exit> {
        match plain.text.reveal() {
            "" => Err(self.session.stop(Class::Usage, "muster::vault::empty", message, "")),
            text if muster_engine::vault::is_encrypted(text) => Err(self.encrypted("")),
            _ => Ok(plain),
        }
    }
}
