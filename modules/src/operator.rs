//! Who runs this, for what outlives a run: locks and journals. Nothing comes in; a name goes out that stays the same from
//! run to run of one person on one machine.

/// The name a task gives; else `user@machine`, where the user is the person behind sudo if there is one.
#[must_use]
pub(crate) fn named(given: Option<&str>) -> String {
    if let Some(given) = given.filter(|name| !name.is_empty()) {
        return given.to_string();
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("SUDO_USER").or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()));
    format!("{user}@{}", rustix::system::uname().nodename().to_string_lossy())
}
