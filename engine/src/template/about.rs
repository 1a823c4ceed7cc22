//! What a template file knows of itself: its path, its owner, its times. A path comes in, variables go out.

use super::{Value, Variable};
use indexmap::IndexMap;
use jiff::{Timestamp, tz::TimeZone};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

/// The variables that a template has about itself. `named` is how it was asked for, `dest` what is made of it.
///
/// # Errors
/// There is no such file.
pub fn about(path: &Path, named: &str, dest: Option<&str>) -> io::Result<IndexMap<Arc<str>, Variable>> {
    let found = std::fs::metadata(path)?;
    let time = |at: Timestamp| at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let modified = Timestamp::new(found.mtime(), i32::try_from(found.mtime_nsec()).unwrap_or(0));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string();
    let names = [
        ("template_host", Value::from(host.trim())),
        ("template_path", Value::from(named)),
        ("template_mtime", Value::from(time(modified.unwrap_or_default()))),
        ("template_uid", owner(found.uid()).map_or_else(|| Value::from(found.uid()), Value::from)),
        ("template_run_date", Value::from(time(Timestamp::now()))),
        ("template_destpath", Value::from(dest)),
        ("template_fullpath", Value::from(full)),
    ];
    Ok(names.into_iter().map(|(name, value)| (Arc::from(name), Variable::Known(value))).collect())
}

/// `ansible_managed` of a template: the setting with `{host}`, `{uid}` and `{file}` filled in, then with the template's
/// time under the directives of strftime.
#[must_use]
pub fn managed(setting: Option<&str>, path: &Path, about: &IndexMap<Arc<str>, Variable>) -> Value {
    let Some(setting) = setting else { return Value::from("Ansible managed") };
    let known = |name: &str| match about.get(name) {
        Some(Variable::Known(value)) => value.to_string(),
        _ => String::new(),
    };
    // A file's name holds no directives.
    let places = [
        ("{host}", known("template_host")),
        ("{uid}", known("template_uid")),
        ("{file}", known("template_path").replace('%', "%%")),
    ];
    let text = places.iter().fold(setting.to_string(), |text, (place, name)| text.replace(place, name));
    let modified = std::fs::metadata(path).ok().and_then(|found| Timestamp::new(found.mtime(), 0).ok());
    let at = modified.filter(|_| text.contains('%')).map(|at| at.to_zoned(TimeZone::system()));
    // What is no directive stands as it is written.
    let told = at.and_then(|at| jiff::fmt::strtime::format(text.as_str(), &at).ok());
    Value::from(told.unwrap_or(text))
}

/// The name of a user of this machine.
fn owner(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_string())
    })
}
