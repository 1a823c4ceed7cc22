//! Global functions of templates.

use super::{Value, fault};
use minijinja::Environment;
use minijinja::value::Kwargs;

/// Adds them.
pub fn install(env: &mut Environment<'static>) {
    env.add_function("undef", |hint: Option<String>, named: Kwargs| -> Result<Value, minijinja::Error> {
        let hint = hint.or_else(|| named.get("hint").ok());
        Err(fault::undefined(hint.unwrap_or_else(|| "Mandatory variable has not been overridden".into())))
    });
}
