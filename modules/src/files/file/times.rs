//! Access and modification times. What the arguments say comes in; `touch` commands and the difference go out. A
//! written time is local time on the host, so the host tells which moment it is.

use super::Args;
use crate::files::facts::Stat;
use crate::files::script::{Answer, quote};
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use muster_engine::module::{Failure, Map};

/// What to do with one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Time {
    Preserve,
    Now,
    /// A time on the host's clock, and the moment it is there.
    At(DateTime, f64),
}

/// Both times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times {
    pub modified: Time,
    pub accessed: Time,
}

/// A written time; what its format leaves out is as at the beginning of 1900, as in Python.
fn moment(format: &str, text: &str) -> Result<DateTime, jiff::Error> {
    let parts = BrokenDownTime::parse(format, text)?;
    parts.to_datetime().or_else(|_| {
        DateTime::new(
            parts.year().unwrap_or(1900),
            parts.month().unwrap_or(1),
            parts.day().unwrap_or(1),
            parts.hour().unwrap_or(0),
            parts.minute().unwrap_or(0),
            parts.second().unwrap_or(0),
            0,
        )
    })
}

impl Times {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A time is not written as its format says.
    pub fn read(args: &Args) -> Result<Self, Failure> {
        let touch = args.state.as_deref() == Some("touch");
        let one = |text: &Option<String>, format: &str| match text.as_deref() {
            None if touch => Ok(Time::Now),
            None | Some("preserve") => Ok(Time::Preserve),
            Some("now") => Ok(Time::Now),
            Some(text) => moment(format, text).map(|at| Time::At(at, 0.0)).map_err(|_| {
                Failure::new(format!(
                    "Error while obtaining timestamp for time {text} using format {format}: \
                         time data '{text}' does not match format '{format}'"
                ))
            }),
        };
        Ok(Self {
            modified: one(&args.modification_time, &args.modification_time_format)?,
            accessed: one(&args.access_time, &args.access_time_format)?,
        })
    }

    /// Asks the host which moments the written times are.
    pub fn script(&self) -> String {
        let ask = |time: Time| match time {
            Time::At(at, _) => {
                format!("put \"$(date -d {} +%s)\"\n", quote(&at.strftime("%Y-%m-%d %H:%M:%S").to_string()))
            }
            _ => String::new(),
        };
        format!("{}{}", ask(self.modified), ask(self.accessed))
    }

    /// Reads what the host answered.
    pub fn learn(self, answer: &mut Answer) -> Result<Self, Failure> {
        let mut one = |time: Time| match time {
            Time::At(at, _) => {
                let seconds = answer.field()?.trim().parse();
                seconds.map(|s| Time::At(at, s)).map_err(|_| Failure::new("the host's `date` knows no `-d`"))
            }
            other => Ok(other),
        };
        Ok(Self { modified: one(self.modified)?, accessed: one(self.accessed)? })
    }

    /// The commands for a path that is as `stat` says, adding to the difference; none if all is well already.
    pub fn commands(&self, path: &str, stat: &Stat, before: &mut Map, after: &mut Map) -> Vec<String> {
        let now = jiff::Timestamp::now().as_microsecond() as f64 / 1e6;
        let path = quote(path);
        let mut out = vec![];
        for (flag, key, time, old) in
            [("-m", "mtime", self.modified, stat.mtime), ("-a", "atime", self.accessed, stat.atime)]
        {
            let (new, how) = match time {
                Time::Preserve => continue,
                Time::Now => (now, String::new()),
                Time::At(_, moment) if moment == old => continue,
                Time::At(at, moment) => (moment, format!(" -t {}", at.strftime("%Y%m%d%H%M.%S"))),
            };
            before.insert(key.into(), old.into());
            after.insert(key.into(), new.into());
            out.push(format!("touch -c {flag}{how} -- {path}"));
        }
        if self.modified == Time::Now && self.accessed == Time::Now {
            // Needs no ownership, only permission to write.
            out = vec![format!("touch -c -- {path}")];
        }
        out
    }
}
