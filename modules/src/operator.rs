//! Who runs this, for what outlives a run: locks and journals. Nothing comes in; a name goes out that stays the same from
//! run to run of one person on one machine.

/// `user@machine`: the person behind sudo where there is one.
#[must_use]
pub(crate) fn name() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("SUDO_USER").or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    format!("{user}@{}", rustix::system::uname().nodename().to_string_lossy())
}
