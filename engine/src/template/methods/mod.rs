//! Python's methods of strings, lists and mappings. A value, a name and arguments come in; what Python would give goes
//! out. Values never change: methods that would change one are refused.

use super::Value;
use minijinja::{Error, State};

/// Calls a method that the value itself does not have.
pub fn call(state: &mut State<'_, '_>, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args)
}
