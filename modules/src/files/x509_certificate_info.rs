//! `community.crypto.x509_certificate_info`: what a certificate on the host, or one that is given, says. The file is read
//! through the connection and understood here, so that the host needs no openssl. Changes nothing.

use super::facts::{Content, Found, Look};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use muster_engine::certificate;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;
use std::convert::Infallible;

/// The module.
#[derive(Debug)]
pub(super) struct CertificateInfo;

/// Its arguments.
#[derive(Debug, Deserialize)]
pub(super) struct Args {
    path: Option<String>,
    content: Option<String>,
    valid_at: Option<Map>,
}

impl Module for CertificateInfo {
    const NAME: &'static str = "community.crypto.x509_certificate_info";
    const SPEC: Spec = Spec::new(
        "Says what an X.509 certificate holds: names, dates, key, extensions. The filter `x509_certificate_info` says the same of a text.",
        &[
            Opt::new("path", Kind::Path, "The certificate's file on the host, PEM or DER; of several in one file, the first."),
            Opt::new("content", Kind::Str, "The certificate itself, PEM."),
            Opt::new("valid_at", Kind::Dict, "Names and times, such as `+3w` or `20270131000000Z`; the result's `valid_at` says of each whether it is valid then."),
            Opt::new("name_encoding", Kind::Str, "How names of other scripts are shown: as they stand.")
                .choices(&["ignore"])
                .default("ignore"),
            Opt::new("select_crypto_backend", Kind::Str, "Means nothing here.")
                .choices(&["auto", "cryptography"])
                .default("auto"),
        ],
    )
    .one_of(&[&["path", "content"]])
    .exclusive(&[&["path", "content"]])
    .examples(
        "- x509_certificate_info:\n    path: /etc/kubernetes/pki/apiserver.crt\n    valid_at: {next_month: +30d}\n  register: certificate\n\n- assert:\n    that: certificate.valid_at.next_month\n",
    );
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let bytes = match (&args.content, &args.path) {
            (Some(content), _) => content.clone().into_bytes(),
            (None, path) => read(path.as_deref().unwrap_or_default(), cx).await?,
        };
        let now = Timestamp::now();
        let mut moments = vec![];
        for (name, given) in args.valid_at.iter().flatten() {
            let Json::String(text) = given else {
                let message = format!("The value for valid_at.{name} must be of type string");
                return Err(Failure::new(message));
            };
            moments.push((
                name,
                moment(text, now).ok_or_else(|| {
                    Failure::new(format!("The time spec \"{text}\" for valid_at.{name} is invalid"))
                })?,
            ));
        }
        let info = certificate::info(&bytes).map_err(Failure::new)?;
        let valid: Map = moments
            .into_iter()
            .map(|(name, moment)| (name.clone(), certificate::valid_at(&info, moment).into()))
            .collect();
        let output =
            info.into_iter().fold(Output::new(false), |output, (key, value)| output.with(&key, value));
        Ok(Check::Done(output.with("valid_at", valid)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

async fn read(path: &str, cx: &Context) -> Result<Vec<u8>, Failure> {
    let facts = Look::at(path).content(Content::All).run(cx).await?;
    let cannot =
        |why: &str| Failure::new(format!("Error while reading certificate file from disk: {why}: '{path}'"));
    match (facts.content, &facts.seen.this) {
        (Some(content), _) => Ok(content),
        (None, Found::Not(why)) if why == "No such file or directory" => {
            Err(cannot(&format!("[Errno 2] {why}")))
        }
        (None, Found::Not(why)) => Err(cannot(why)),
        (None, Found::Is(_)) if facts.seen.is_dir() => Err(cannot("[Errno 21] Is a directory")),
        (None, Found::Is(_)) => Err(cannot("[Errno 13] Permission denied")),
    }
}

/// A moment as `valid_at` takes it: `+1w2d`, `-3h`, `20270131120000Z`.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(sign @ ('+' | '-')) = text.chars().next() {
        let offset = SignedDuration::from_secs(seconds(text.get(1..)?)?);
        return if sign == '+' { now.checked_add(offset).ok() } else { now.checked_sub(offset).ok() };
    }
    let utc = |format: &str| {
        let time = DateTime::strptime(format, text).ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let zoned = |format: &str| Timestamp::strptime(format, text).ok();
    match text.len() {
        15 => utc("%Y%m%d%H%M%SZ"),
        13 => utc("%Y%m%d%H%MZ"),
        19 => zoned("%Y%m%d%H%M%S%z"),
        17 => zoned("%Y%m%d%H%M%z"),
        _ => None,
    }
}

/// The seconds of `1w2d3h4m5s`: each unit once at most and in this order, the last without its letter if it is seconds.
fn seconds(mut text: &str) -> Option<i64> {
    const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];
    let (mut sum, mut next) = (0i64, 0);
    if text.is_empty() {
        return None;
    }
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        let letter = rest.chars().next().unwrap_or('s').to_ascii_lowercase();
        let at = UNITS.iter().position(|(unit, _)| *unit == letter).filter(|at| *at >= next)?;
        let (_, unit) = UNITS.get(at)?;
        sum = sum.checked_add(digits.parse::<i64>().ok()?.checked_mul(*unit)?)?;
        next = at + 1;
        text = rest.get(1..).unwrap_or_default();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_relative_or_as_asn1_writes_them() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let at = |text: &str| moment(text, now).map(|moment| moment.to_string());
        assert_eq!(at("+1w1d").as_deref(), Some("2026-12-08T12:00:00Z"));
        assert_eq!(at("-90").as_deref(), Some("2026-11-30T11:58:30Z"));
        assert_eq!(at("+2H30M").as_deref(), Some("2026-11-30T14:30:00Z"));
        assert_eq!(at("20270131000000Z").as_deref(), Some("2027-01-31T00:00:00Z"));
        assert_eq!(at("202701310000Z").as_deref(), Some("2027-01-31T00:00:00Z"));
        assert_eq!(at("20270131020000+0200").as_deref(), Some("2027-01-31T00:00:00Z"));
        for wrong in ["", "+", "+1x", "+1d1w", "+d", "tomorrow", "+99999999999999999w"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
