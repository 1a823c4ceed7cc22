//! Python's `range`: whole numbers in steps. It is looked through, filtered and looped over as a list, but it is none:
//! a template may not end in one.

use super::arguments::Args;
use super::{Value, fault};
use minijinja::Error;
use minijinja::value::{Enumerator, Object, ObjectRepr, Rest, ValueOrKwargs};
use std::fmt;
use std::sync::Arc;

/// More numbers than this are a mistake, as for Jinja.
const MOST: u64 = 100_000;

/// A range.
#[derive(Debug)]
pub struct Range {
    start: i64,
    stop: i64,
    step: i64,
}

/// Whether a value is a range.
pub fn is_range(value: &Value) -> bool {
    value.downcast_object_ref::<Range>().is_some()
}

/// The function.
pub fn range(rest: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = Args::new(rest.into_values());
    let number = |at| args.int(at, "");
    let first = number(0)?.ok_or_else(|| fault::error("range expected at least 1 argument, got 0"))?;
    let (start, stop) = number(1)?.map_or((0, first), |stop| (first, stop));
    let step = number(2)?.unwrap_or(1);
    if step == 0 {
        return Err(fault::error("range() arg 3 must not be zero"));
    }
    let range = Range { start, stop, step };
    if range.len() > MOST {
        return Err(fault::error(format!(
            "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MOST})."
        )));
    }
    Ok(Value::from_object(range))
}

impl Range {
    fn len(&self) -> u64 {
        let (from, to) = if self.step > 0 { (self.start, self.stop) } else { (self.stop, self.start) };
        let distance = i128::from(to) - i128::from(from);
        let step = i128::from(self.step.unsigned_abs());
        u64::try_from((distance + step - 1).max(0) / step).unwrap_or(u64::MAX)
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = u64::try_from(key.as_usize()?).ok().filter(|index| *index < self.len())?;
        Some(Value::from(self.start + i64::try_from(index).ok()? * self.step))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(usize::try_from(self.len()).unwrap_or(0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, stop, step } = &**self;
        match step {
            1 => write!(f, "range({start}, {stop})"),
            _ => write!(f, "range({start}, {stop}, {step})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_as_many_numbers_as_python_says() {
        for (start, stop, step, len) in
            [(0, 3, 1, 3), (3, 0, 1, 0), (3, 0, -1, 3), (0, 10, 3, 4), (10, 0, -4, 3)]
        {
            assert_eq!(Range { start, stop, step }.len(), len, "{start} {stop} {step}");
        }
        let all = Value::from_object(Range { start: 10, stop: 0, step: -4 });
        assert_eq!(all.try_iter().unwrap().map(|n| n.to_string()).collect::<Vec<_>>(), ["10", "6", "2"]);
        assert_eq!(all.to_string(), "range(10, 0, -4)");
    }
}
