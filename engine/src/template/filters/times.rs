//! Filters of dates and times, and the value that a date is. Text and seconds come in; text, and [`Moment`]s and
//! [`Span`]s that can be taken from one another, go out.

use super::Table;
use crate::template::arguments::Args;
use crate::template::{Value, fault, python};
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State};
use std::fmt;
use std::sync::Arc;

pub const TABLE: Table = &[("to_datetime", to_datetime), ("strftime", strftime)];

/// Python's `datetime`.
#[derive(Debug)]
pub struct Moment(pub DateTime);

/// Python's `timedelta`, in microseconds.
#[derive(Debug)]
pub struct Span(pub i64);

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from(match key.as_str()? {
            "year" => i64::from(self.0.year()),
            "month" => i64::from(self.0.month()),
            "day" => i64::from(self.0.day()),
            "hour" => i64::from(self.0.hour()),
            "minute" => i64::from(self.0.minute()),
            "second" => i64::from(self.0.second()),
            "microsecond" => i64::from(self.0.subsec_nanosecond() / 1000),
            _ => return None,
        }))
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        name: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let format = args.first().and_then(|format| format.as_str()).unwrap_or("");
        match name {
            "strftime" => formatted(self.0, format).map(Value::from),
            "isoformat" => Ok(Value::from(self.to_string().replacen(' ', "T", 1))),
            "timestamp" => {
                let zoned =
                    self.0.to_zoned(TimeZone::system()).map_err(|error| fault::error(error.to_string()))?;
                Ok(Value::from(zoned.timestamp().as_microsecond() as f64 / 1e6))
            }
            "date" => Ok(Value::from(self.0.date().to_string())),
            "weekday" => Ok(Value::from(i64::from(self.0.weekday().to_monday_zero_offset()))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%S"))?;
        match self.0.subsec_nanosecond() / 1000 {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%S"))
    }
}

impl Object for Span {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (days, rest) = (self.0.div_euclid(86_400_000_000), self.0.rem_euclid(86_400_000_000));
        Some(Value::from(match key.as_str()? {
            "days" => days,
            "seconds" => rest / 1_000_000,
            "microseconds" => rest % 1_000_000,
            _ => return None,
        }))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, _: &[Value]) -> Result<Value, Error> {
        match name {
            "total_seconds" => Ok(Value::from(self.0 as f64 / 1e6)),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0.div_euclid(86_400_000_000), self.0.rem_euclid(86_400_000_000) / 1_000_000);
        if days != 0 {
            write!(f, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        write!(f, "{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

/// `left - right` of two moments.
pub fn difference(left: &Value, right: &Value) -> Option<Value> {
    let (left, right) = (left.downcast_object_ref::<Moment>()?, right.downcast_object_ref::<Moment>()?);
    let span = left.0.duration_since(right.0);
    Some(Value::from_object(Span(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))))
}

/// Whether a value is a moment: it prints as text where data is wanted.
pub fn as_text(value: &Value) -> Option<String> {
    value.downcast_object_ref::<Moment>().map(ToString::to_string)
}

fn formatted(at: DateTime, format: &str) -> Result<String, Error> {
    let zoned = at.to_zoned(TimeZone::UTC).map_err(|error| fault::error(error.to_string()))?;
    zoned_text(&zoned, format)
}

/// A time under a format of strftime.
pub fn zoned_text(at: &Zoned, format: &str) -> Result<String, Error> {
    let format = format.replace("%s", &at.timestamp().as_second().to_string());
    let format = format.replace("%f", &format!("{:06}", at.subsec_nanosecond() / 1000));
    strtime::format(format.as_bytes(), at).map_err(|error| fault::error(error.to_string()))
}

fn to_datetime(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let format = args.text(0, "format")?.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".into());
    let text = python::text(value)?;
    let refuse = |_| fault::error(format!("time data '{text}' does not match format '{format}'"));
    let parsed = strtime::parse(format.replace("%f", "%6f").as_bytes(), text.as_bytes()).map_err(refuse)?;
    let date = parsed.to_date().map_err(refuse)?;
    let time = parsed.to_time().unwrap_or(jiff::civil::Time::midnight());
    Ok(Value::from_object(Moment(date.to_datetime(time))))
}

fn strftime(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let format = python::text(value)?;
    let second = args.get(0, "second").filter(|second| !second.is_none());
    let at = match second {
        None => Timestamp::now(),
        Some(second) => {
            let number = match second.as_str() {
                Some(text) => text.parse::<f64>().ok(),
                None => f64::try_from(second.clone()).ok(),
            };
            let number = number.ok_or_else(|| {
                fault::error(format!("Invalid value for epoch value ({})", python::repr(&second)))
            })?;
            #[expect(clippy::cast_possible_truncation, reason = "seconds of any calendar fit")]
            let seconds = number.floor() as i64;
            Timestamp::from_second(seconds).map_err(|error| fault::error(error.to_string()))?
        }
    };
    let zone = if args.truth(1, "utc", false) { TimeZone::UTC } else { TimeZone::system() };
    zoned_text(&at.to_zoned(zone), &format).map(Value::from)
}
