//! Filters of `community.crypto` that look at certificates: the text of one comes in, what it says goes out.

use super::Table;
use crate::certificate;
use crate::template::arguments::Args;
use crate::template::json::from_json;
use crate::template::{Value, fault, python};
use minijinja::{Error, State};

pub const TABLE: Table = &[("community.crypto.x509_certificate_info", x509_certificate_info)];

fn x509_certificate_info(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = value.as_str().map(str::as_bytes).or_else(|| value.as_bytes());
    let Some(text) = text else {
        let kind = python::type_name(value);
        let message =
            format!("The community.crypto.x509_certificate_info input must be a text type, not {kind}");
        return Err(fault::error(message));
    };
    let encoding = args.text(0, "name_encoding")?.unwrap_or_else(|| "ignore".into());
    if encoding != "ignore" {
        let message = format!("name_encoding can only be \"ignore\" here, not \"{encoding}\"");
        return Err(fault::error(message));
    }
    certificate::info(text).map(|info| from_json(&info.into())).map_err(fault::error)
}
