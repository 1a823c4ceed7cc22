//! The command line of `muster vault`: ansible-vault's letters and meanings. Files are kept as they were typed, `-`
//! among them; what contradicts what beyond clap's reach is said by the command.

use clap::{ArgAction, Args, Subcommand};
use std::path::PathBuf;

/// Where vault passwords come from.
#[derive(Clone, Debug, Default, Args)]
pub struct VaultPasswords {
    /// A vault id and where its password is: id@file or id@prompt; may be given again.
    #[arg(long, value_name = "ID")]
    pub vault_id: Vec<String>,
    /// Asks for the vault password.
    #[arg(short = 'J', long, visible_alias = "ask-vault-password", conflicts_with = "vault_password_file")]
    pub ask_vault_pass: bool,
    /// A file (or program) that gives the vault password; may be given again.
    #[arg(long, visible_alias = "vault-pass-file", value_name = "FILE")]
    pub vault_password_file: Vec<PathBuf>,
}

/// `muster vault`.
#[derive(Debug, Args)]
pub struct Vault {
    /// What to do.
    #[command(subcommand)]
    pub action: VaultAction,
    /// Tells more of the program's own doings; up to six times.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// What to do with a vault.
#[derive(Debug, Subcommand)]
pub enum VaultAction {
    /// Makes a new encrypted file in the editor.
    Create {
        /// The file.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Opens the editor even if there is no terminal.
        #[arg(long)]
        skip_tty_check: bool,
        /// The id to encrypt with, if there are passwords of many.
        #[arg(long, value_name = "ID")]
        encrypt_vault_id: Option<String>,
        /// Its passwords.
        #[command(flatten)]
        passwords: VaultPasswords,
    },
    /// Decrypts files, or what comes on stdin.
    Decrypt {
        /// The files; `-` is stdin.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The file to write to; `-` is stdout.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Their passwords.
        #[command(flatten)]
        passwords: VaultPasswords,
    },
    /// Opens encrypted files in the editor.
    Edit {
        /// The files.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Taken as ansible-vault takes it: a file keeps its id.
        #[arg(long, value_name = "ID", hide = true)]
        encrypt_vault_id: Option<String>,
        /// Their passwords.
        #[command(flatten)]
        passwords: VaultPasswords,
    },
    /// Shows encrypted files in the pager.
    View {
        /// The files; `-` is stdin.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Their passwords.
        #[command(flatten)]
        passwords: VaultPasswords,
    },
    /// Encrypts files, or what comes on stdin.
    Encrypt {
        /// The files; `-` is stdin.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The file to write to; `-` is stdout.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The id to encrypt with, if there are passwords of many.
        #[arg(long, value_name = "ID")]
        encrypt_vault_id: Option<String>,
        /// Their passwords.
        #[command(flatten)]
        passwords: VaultPasswords,
    },
    /// Encrypts strings as YAML to paste into a file of variables.
    #[command(visible_alias = "encrypt_string")]
    EncryptString(EncryptString),
    /// Encrypts encrypted files with another password.
    Rekey {
        /// The files.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The new id and where its password is: id@file or id@prompt.
        #[arg(long, value_name = "ID", conflicts_with = "new_vault_password_file")]
        new_vault_id: Option<String>,
        /// A file (or program) that gives the new password.
        #[arg(long, value_name = "FILE")]
        new_vault_password_file: Option<PathBuf>,
        /// The id to encrypt with, if there are passwords of many.
        #[arg(long, value_name = "ID")]
        encrypt_vault_id: Option<String>,
        /// Their passwords.
        #[command(flatten)]
        passwords: VaultPasswords,
    },
}

/// `muster vault encrypt-string`.
#[derive(Debug, Args)]
pub struct EncryptString {
    /// The strings, which everybody on this machine can see as arguments; `-` is stdin.
    #[arg(value_name = "STRING")]
    pub strings: Vec<String>,
    /// The name of a string's variable; may be given again.
    #[arg(short, long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// Asks for the string.
    #[arg(short, long)]
    pub prompt: bool,
    /// Shows what is typed.
    #[arg(long)]
    pub show_input: bool,
    /// The name of the variable whose string comes on stdin.
    #[arg(long, value_name = "NAME")]
    pub stdin_name: Option<String>,
    /// The file to write to; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The id to encrypt with, if there are passwords of many.
    #[arg(long, value_name = "ID")]
    pub encrypt_vault_id: Option<String>,
    /// The passwords.
    #[command(flatten)]
    pub passwords: VaultPasswords,
}
