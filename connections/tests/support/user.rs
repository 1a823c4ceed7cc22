//! A throw-away local user, for what only a second user can show. Needs root; the user is gone with the value.

use super::needs_root;
use super::sshd::tool;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// The user database has one lock; whoever fails to get it fails.
static DATABASE: Mutex<()> = Mutex::new(());

/// A user that exists as long as this value.
pub struct User {
    pub name: String,
    pub password: String,
    sudoers: Option<PathBuf>,
}

impl User {
    /// A new user with a password and a home; `tag` makes the name unique in this process.
    pub fn new(tag: &str) -> Self {
        needs_root("a throw-away local user");
        let name = format!("mu{}{tag}", std::process::id());
        let password = format!("pw-{:x}", std::process::id() * 7919);
        let _turn = DATABASE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        tool("useradd", &["-m", "-s", "/bin/bash", &name]);
        let this = Self { name, password, sudoers: None };
        let mut child = Command::new("chpasswd").stdin(Stdio::piped()).spawn().expect("chpasswd");
        let line = format!("{}:{}\n", this.name, this.password);
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        this
    }

    /// Lets the user sudo by a rule, which goes away with the user.
    pub fn may_sudo(mut self, rule: &str) -> Self {
        let file = PathBuf::from(format!("/etc/sudoers.d/{}", self.name));
        fs::write(
            &file,
            format!("Defaults:{} !lecture, timestamp_timeout=0\n{} {rule}\n", self.name, self.name),
        )
        .unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
        self.sudoers = Some(file);
        self
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(file) = &self.sudoers {
            let _ = fs::remove_file(file);
        }
        let _turn = DATABASE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Its sshd sessions may still be ending.
        for _ in 0..50 {
            let done = Command::new("userdel").args(["-r", &self.name]).stderr(Stdio::null()).status();
            if done.is_ok_and(|status| status.success() || status.code() == Some(6)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let _ = Command::new("userdel").args(["-rf", &self.name]).stderr(Stdio::null()).status();
    }
}
