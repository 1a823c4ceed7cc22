//! The body of a request, as `body_format` writes it: text, a form, JSON as Python writes it, or a form with files. Files come from this
//! machine, from where a playbook's files are found.

use super::Args;
use base64::Engine as _;
use muster_engine::module::{Context, Failure, Map, python_str, python_type};
use serde_json::Value as Json;

/// What gives the content of a file.
type Read<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, Failure>;

/// What is sent, and the content type that it is sent as, unless the task says another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    pub bytes: Vec<u8>,
    pub kind: Option<String>,
}

impl Body {
    /// The body of a task; none where it has none, or where it is a file of the target.
    ///
    /// # Errors
    /// A file is not there, or the format cannot write that value.
    pub fn of(args: &Args, read: Read) -> Result<Option<Self>, Failure> {
        if let Some(src) = args.src.as_ref().filter(|_| !args.remote_src) {
            return read(src).map(|bytes| Some(Self { bytes, kind: None }));
        }
        let Some(body) = args.body.as_ref().filter(|body| !body.is_null()) else { return Ok(None) };
        let (bytes, kind) = match (args.body_format.as_str(), body) {
            ("form-multipart", Json::Object(fields)) => {
                let boundary = format!("{:=<15}{:019}==", "", rand::random_range(0..u64::MAX / 2));
                let bytes = multipart(fields, &boundary, args.remote_src, read).map_err(|failure| {
                    Failure::new(format!("failed to parse body as form-multipart: {}", failure.message()))
                })?;
                (bytes, Some(format!("multipart/form-data; boundary=\"{boundary}\"")))
            }
            ("form-multipart", _) => {
                return Err(Failure::new("body must be mapping, cannot be of another type"));
            }
            (format, Json::String(text)) => (text.clone().into_bytes(), kind(format)),
            (format @ "form-urlencoded", body) => (form(body)?.into_bytes(), kind(format)),
            (format @ "json", body) => (python_json(body).into_bytes(), kind(format)),
            (_, body) => (body.to_string().into_bytes(), None),
        };
        Ok(Some(Self { bytes, kind }))
    }

    /// The body as text, if it is some that a line of curl's configuration holds.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|text| !text.contains('\0'))
    }
}

fn kind(format: &str) -> Option<String> {
    match format {
        "json" => Some("application/json".into()),
        "form-urlencoded" => Some("application/x-www-form-urlencoded".into()),
        _ => None,
    }
}

/// The content of a file of this machine, found as a playbook's files are.
///
/// # Errors
/// It is not there, or cannot be read.
pub(super) fn read(name: &str, cx: &Context) -> Result<Vec<u8>, Failure> {
    let path = cx
        .find("files", name)
        .map_err(|failure| Failure::new(format!("Task failed: {}", failure.message())))?;
    std::fs::read(&path).map_err(|error| Failure::new(format!("could not send {}: {error}", path.display())))
}

/// A form with files, field by field in the order of names: RFC 7578, with lines that end as HTTP's do.
pub(super) fn multipart(fields: &Map, boundary: &str, remote: bool, read: Read) -> Result<Vec<u8>, Failure> {
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort();
    let mut out = vec![];
    for name in names {
        let (heads, content) = match fields.get(name) {
            Some(Json::String(text)) => (vec!["Content-Type: text/plain".into()], lines(text.as_bytes())),
            Some(Json::Object(field)) => file(field, remote, read)?,
            other => {
                let kind = other.map_or("NoneType", python_type);
                return Err(Failure::new(format!(
                    "value must be a string, or mapping, cannot be type {kind}"
                )));
            }
        };
        let filename = fields.get(name).and_then(|field| field.get("filename")).and_then(Json::as_str);
        let filename = filename.map(|path| path.rsplit('/').next().unwrap_or(path));
        out.extend(format!("--{boundary}\r\n").into_bytes());
        for head in &heads {
            out.extend(format!("{head}\r\n").into_bytes());
        }
        let filename = filename.map_or(String::new(), |name| format!("; filename=\"{}\"", escaped(name)));
        out.extend(
            format!("Content-Disposition: form-data; name=\"{}\"{filename}\r\n\r\n", escaped(name))
                .into_bytes(),
        );
        out.extend(content);
        out.extend(b"\r\n");
    }
    out.extend(format!("--{boundary}--\r\n").into_bytes());
    Ok(out)
}

/// What is not encoded has lines that end as HTTP's do.
fn lines(bytes: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    parts.iter().map(|part| part.strip_suffix(b"\r").unwrap_or(part)).collect::<Vec<_>>().join(&b"\r\n"[..])
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The headers and the content of a field that is a mapping.
fn file(field: &Map, remote: bool, read: Read) -> Result<(Vec<String>, Vec<u8>), Failure> {
    let given = |key: &str| field.get(key).map(python_str).filter(|text| !text.is_empty());
    let filename = given("filename");
    let kind = given("mime_type").unwrap_or_else(|| {
        let guessed = filename.as_deref().and_then(|name| mime_guess::from_path(name).first_raw());
        guessed.unwrap_or("application/octet-stream").to_string()
    });
    let kind = format!("Content-Type: {kind}");
    let path = match (given("content"), filename) {
        (Some(content), _) => return Ok((vec![kind], lines(content.as_bytes()))),
        (None, Some(path)) => path,
        (None, None) => return Err(Failure::new("at least one of filename or content must be provided")),
    };
    if remote {
        return Err(Failure::new(format!(
            "{path}: a file of the target in a form is not supported; send it with `src`, or leave out `remote_src`"
        )));
    }
    let bytes = read(&path)?;
    match given("multipart_encoding").as_deref().unwrap_or("base64") {
        "base64" => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes).into_bytes();
            let rows: Vec<&[u8]> = encoded.chunks(76).collect();
            let head = "Content-Transfer-Encoding: base64".to_string();
            Ok((vec![head, kind], [rows.join(&b"\r\n"[..]), b"\r\n".to_vec()].concat()))
        }
        "7or8bit" => {
            let bits = if bytes.is_ascii() { "7bit" } else { "8bit" };
            Ok((vec![format!("Content-Transfer-Encoding: {bits}"), kind], lines(&bytes)))
        }
        other => Err(Failure::new(format!("multipart_encoding must be one of base64, 7or8bit, not {other}"))),
    }
}

/// Pairs as Python's `urlencode` writes them: a list once for each item, a mapping once for each key, nothing for null.
fn form(body: &Json) -> Result<String, Failure> {
    let mut pairs: Vec<(String, String)> = vec![];
    let mut add = |key: &str, value: &Json| match value {
        Json::Null => {}
        Json::Array(items) => pairs.extend(items.iter().map(|item| (key.to_string(), python_str(item)))),
        Json::Object(map) => pairs.extend(map.keys().map(|item| (key.to_string(), item.clone()))),
        other => pairs.push((key.to_string(), python_str(other))),
    };
    match body {
        Json::Object(map) => map.iter().for_each(|(key, value)| add(key, value)),
        Json::Array(items) => {
            for item in items {
                let Some([key, value]) = item.as_array().map(Vec::as_slice) else {
                    return Err(Failure::new("failed to parse body as form_urlencoded: pairs are needed"));
                };
                add(&python_str(key), value);
            }
        }
        _ => return Err(Failure::new("failed to parse body as form_urlencoded: a mapping is needed")),
    }
    let pair = |(key, value): &(String, String)| format!("{}={}", encoded(key), encoded(value));
    Ok(pairs.iter().map(pair).collect::<Vec<_>>().join("&"))
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_string(),
        b if b.is_ascii_alphanumeric() || b"_.-~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// JSON with a space after `,` and `:`, as Python writes it.
fn python_json(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let pair = |(key, value): (&String, &Json)| {
                format!("{}: {}", Json::from(key.as_str()), python_json(value))
            };
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
