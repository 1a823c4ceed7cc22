//! `date_time`: the host's clock, in all the ways Ansible writes it.

use super::map;
use super::report::Report;
use muster_engine::module::Map;
use serde_json::json;

pub(super) fn date_time(report: &Report) -> Map {
    let mut lines = report.lines("date");
    let fields: Vec<&str> = lines.next().unwrap_or("").split('|').collect();
    let field = |n: usize| fields.get(n).copied().unwrap_or("");
    let utc = lines.next().unwrap_or("");
    let (utc_date, utc_time) = utc.split_once('|').unwrap_or(("", ""));
    let zones: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('|')).collect();
    let (year, month, day) = (field(0), field(1), field(5));
    let (hour, minute, second) = (field(6), field(7), field(8));
    // Some shells' date knows no nanoseconds and prints the letter.
    let micros: String = match field(10).chars().all(|c| c.is_ascii_digit()) {
        true => field(10).chars().chain("000000".chars()).take(6).collect(),
        false => "000000".into(),
    };
    let compact = format!("{year}{month}{day}T{hour}{minute}{second}");
    map(json!({ "date_time": {
        "year": year,
        "month": month,
        "weekday": field(2),
        "weekday_number": field(3),
        "weeknumber": field(4),
        "day": day,
        "hour": hour,
        "minute": minute,
        "second": second,
        "epoch": field(9),
        "epoch_int": field(9),
        "date": format!("{year}-{month}-{day}"),
        "time": format!("{hour}:{minute}:{second}"),
        "iso8601_micro": format!("{utc_date}T{utc_time}.{micros}Z"),
        "iso8601": format!("{utc_date}T{utc_time}Z"),
        "iso8601_basic": format!("{compact}{micros}"),
        "iso8601_basic_short": compact,
        "tz": field(11),
        "tz_dst": summer(&zones).unwrap_or(field(11)),
        "tz_offset": field(12),
    }}))
}

/// The name that the zone has in summer: of January and July, the one further east.
fn summer<'a>(zones: &[(&'a str, &str)]) -> Option<&'a str> {
    let east = |offset: &str| offset.parse::<i64>().unwrap_or(0);
    zones.iter().max_by_key(|(_, offset)| east(offset)).map(|(name, _)| *name)
}
