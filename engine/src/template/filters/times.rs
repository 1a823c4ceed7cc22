//! Filters of dates and times, and the value that a date is. Text and seconds come in; text, and [`Moment`]s and
//! [`Span`]s that can be taken from one another, go out.

use super::Table;
use crate::template::arguments::Args;
use crate::template::{Value, fault, python};
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use minijinja::value::{Object, ObjectRepr, Tuple};
use minijinja::{Error, ErrorKind, State};
use std::fmt;
use std::sync::Arc;

pub const TABLE: Table = &[("to_datetime", to_datetime), ("strftime", strftime)];

/// Python's `datetime`, with the zone it was read with.
#[derive(Debug)]
pub struct Moment(pub DateTime, pub Option<Offset>);

/// Python's `timedelta`, in microseconds.
#[derive(Debug)]
pub struct Span(pub i64);

impl Moment {
    /// From text as `isoformat` writes it.
    pub fn read(text: &str) -> Option<Self> {
        let whole = text.parse::<DateTime>().ok()?;
        let offset = text.get(19..).and_then(|rest| rest.find(['+', '-']).and_then(|at| rest.get(at..)));
        let offset = offset.and_then(|offset| strtime::parse("%:z", offset).ok()?.offset());
        Some(Self(whole, offset))
    }
}

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
            "isoformat" => {
                let between = args.first().and_then(|mark| mark.as_str()).unwrap_or("T");
                Ok(Value::from(self.to_string().replacen(' ', between, 1)))
            }
            "timestamp" => {
                let zoned =
                    self.0.to_zoned(TimeZone::system()).map_err(|error| fault::error(error.to_string()))?;
                Ok(Value::from(zoned.timestamp().as_microsecond() as f64 / 1e6))
            }
            "date" => Ok(Value::from(self.0.date().to_string())),
            "time" => Ok(Value::from(self.to_string().split(' ').nth(1).unwrap_or_default())),
            "isoweekday" => Ok(Value::from(i64::from(self.0.weekday().to_monday_one_offset()))),
            "toordinal" => {
                let first = jiff::civil::date(1, 1, 1);
                Ok(Value::from(i64::from(self.0.date().since(first).map_or(0, |span| span.get_days())) + 1))
            }
            "isocalendar" => {
                let week = self.0.date().iso_week_date();
                let parts =
                    [week.year().into(), week.week().into(), week.weekday().to_monday_one_offset().into()];
                Ok(Value::from(Tuple::from(parts.map(|part: i64| Value::from(part)))))
            }
            "timetuple" => {
                let (date, time) = (self.0.date(), self.0.time());
                let weekday = date.weekday().to_monday_zero_offset();
                let parts: [i64; 9] = [
                    date.year().into(),
                    date.month().into(),
                    date.day().into(),
                    time.hour().into(),
                    time.minute().into(),
                    time.second().into(),
                    weekday.into(),
                    date.day_of_year().into(),
                    -1,
                ];
                Ok(Value::from(Tuple::from(parts.map(Value::from))))
            }
            "replace" => self.replaced(&Args::new(args.to_vec())),
            "weekday" => Ok(Value::from(i64::from(self.0.weekday().to_monday_zero_offset()))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%S"))?;
        match self.0.subsec_nanosecond() / 1000 {
            0 => {}
            micros => write!(f, ".{micros:06}")?,
        }
        let Some(zone) = self.1 else { return Ok(()) };
        let (sign, seconds) = (if zone.seconds() < 0 { '-' } else { '+' }, zone.seconds().abs());
        write!(f, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
    }
}

impl Moment {
    /// The moment, had it no zone: what two of them are compared by.
    fn instant(&self) -> Option<Timestamp> {
        self.1.unwrap_or(Offset::UTC).to_timestamp(self.0).ok()
    }

    fn replaced(&self, args: &Args) -> Result<Value, Error> {
        let part = |name: &str, now: i64| Ok::<i64, Error>(args.int(usize::MAX, name)?.unwrap_or(now));
        let refuse = |error: jiff::Error| fault::error(error.to_string());
        let small = |number: i64| i8::try_from(number).map_err(|_| fault::error("value out of range"));
        let new = self
            .0
            .with()
            .day(1)
            .year(i16::try_from(part("year", self.0.year().into())?).unwrap_or(i16::MAX))
            .month(small(part("month", self.0.month().into())?)?)
            .hour(small(part("hour", self.0.hour().into())?)?)
            .minute(small(part("minute", self.0.minute().into())?)?)
            .second(small(part("second", self.0.second().into())?)?)
            .subsec_nanosecond(
                i32::try_from(part("microsecond", i64::from(self.0.subsec_nanosecond() / 1000))? * 1000)
                    .unwrap_or(0),
            )
            .build()
            .map_err(refuse)?;
        let day = small(part("day", self.0.day().into())?)?;
        let new = new.with().day(day).build().map_err(refuse)?;
        Ok(Value::from_object(Self(new, self.1)))
    }
}

/// The order of two moments, or of two spans.
pub fn order(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    if let (Some(a), Some(b)) = (left.downcast_object_ref::<Moment>(), right.downcast_object_ref::<Moment>())
    {
        return Some(a.instant()?.cmp(&b.instant()?));
    }
    let (a, b) = (left.downcast_object_ref::<Span>()?, right.downcast_object_ref::<Span>()?);
    Some(a.0.cmp(&b.0))
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
    let span = left.instant()?.duration_since(right.instant()?);
    Some(Value::from_object(Span(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))))
}

/// Python's name of such a value's type.
pub fn type_name(value: &Value) -> Option<&'static str> {
    let moment = value.downcast_object_ref::<Moment>().map(|_| "datetime");
    moment.or_else(|| value.downcast_object_ref::<Span>().map(|_| "timedelta"))
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
    Ok(Value::from_object(Moment(date.to_datetime(time), parsed.offset())))
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
                fault::error(format!(
                    "Invalid value for epoch value ({})",
                    python::text(&second).unwrap_or_default()
                ))
            })?;
            #[expect(clippy::cast_possible_truncation, reason = "seconds of any calendar fit")]
            let seconds = number.floor() as i64;
            Timestamp::from_second(seconds).map_err(|error| fault::error(error.to_string()))?
        }
    };
    let zone = if args.truth(1, "utc", false) { TimeZone::UTC } else { TimeZone::system() };
    zoned_text(&at.to_zoned(zone), &format).map(Value::from)
}
