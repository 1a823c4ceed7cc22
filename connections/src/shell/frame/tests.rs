//! Framing: quoting, marks over every split, caps, and what may not share a shell.

use super::*;

#[test]
fn the_mark_is_found_however_the_stream_is_cut() {
    let mark = Mark::new();
    let stream = format!("one\x1etwo\x1e{}x\n three\x1e{} 42\nrest", &mark.letters()[..31], mark.letters());
    let bytes = stream.as_bytes();
    for cut in 0..=bytes.len() {
        let mut gathered = Gathered::new(1000);
        let mut rest = Vec::new();
        for part in [&bytes[..cut], &bytes[cut..]] {
            if gathered.ended() {
                rest.extend_from_slice(part);
            } else if let Some(after) = gathered.take(part, &mark) {
                rest.extend(after);
            }
        }
        assert_eq!(gathered.end, Some(42), "cut at {cut}");
        assert_eq!(rest, b"rest", "cut at {cut}");
        assert_eq!(gathered.kept, format!("one\x1etwo\x1e{}x\n three", &mark.letters()[..31]).as_bytes());
    }
}

#[test]
fn the_mark_is_found_byte_by_byte() {
    let mark = Mark::new();
    let mut gathered = Gathered::new(1000);
    for byte in format!("out\x1e{} 7\n", mark.letters()).bytes() {
        gathered.take(&[byte], &mark);
    }
    assert_eq!((gathered.kept.as_slice(), gathered.end), (&b"out"[..], Some(7)));
}

#[test]
fn what_is_over_the_cap_is_counted() {
    let mark = Mark::new();
    let mut gathered = Gathered::new(4);
    gathered.take(b"abcdefgh", &mark);
    gathered.take(format!("ij\x1e{} 0\n", mark.letters()).as_bytes(), &mark);
    assert_eq!((gathered.kept.as_slice(), gathered.dropped, gathered.end), (&b"abcd"[..], 6, Some(0)));
}

#[test]
fn quotes_survive() {
    assert_eq!(quote("it's"), r"'it'\''s'");
    assert_eq!(quote(""), "''");
}

#[test]
fn what_goes_to_the_background_gets_a_channel_of_its_own() {
    for own in ["sleep 1 &", "a & b", "echo $$", "&"] {
        assert!(wants_own(own), "{own}");
    }
    for shared in ["a && b", "a 2>&1", "a >&2", "a &>f", "a <&3", "$HOME", "a&&b||c", ""] {
        assert!(!wants_own(shared), "{shared}");
    }
}

#[test]
fn scripts_that_take_users_away_are_told_from_others() {
    assert!(
        removes_users("userdel -r bob") && removes_users("deluser bob") && removes_users("usermod -l a b")
    );
    assert!(!removes_users("useradd bob; id bob"));
}
