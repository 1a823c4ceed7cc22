//! What Python's urllib sends, for the programs that ask in its place: headers that it always has, and moments as headers have them.

/// A moment in Unix seconds, for `If-Modified-Since` (RFC 9110, IMF-fixdate); nothing for one that no calendar has.
pub(crate) fn moment(seconds: f64) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, reason = "a moment in seconds")]
    let at = jiff::Timestamp::from_second(seconds as i64).ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// The headers that it has unless they are given: nothing shall come packed, though it is unpacked if it does, and nothing after it.
pub(crate) fn usual(given: impl Fn(&str) -> bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    [("Accept-Encoding", "identity"), ("Connection", "close")]
        .into_iter()
        .filter(move |(name, _)| !given(name))
}
