//! Password hashes as crypt(3) stores them: sha256 (`$5$`) and sha512 (`$6$`). A password, a salt and rounds come in,
//! the encoded hash goes out.

use rand::Rng;
use sha2::{Digest, Sha256, Sha512};

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Hashes a password; a salt is made up if there is none.
///
/// # Errors
/// The scheme or the salt is not supported.
pub fn hash(password: &str, kind: &str, salt: Option<&str>, rounds: Option<i64>) -> Result<String, String> {
    let salt = match salt {
        Some(salt) => salt.chars().take(16).collect(),
        None => random_text(16),
    };
    if let Some(bad) = salt.bytes().find(|byte| !ALPHABET.contains(byte)) {
        return Err(format!("invalid character {:?} in salt", char::from(bad)));
    }
    match kind {
        "sha512" | "sha512_crypt" => {
            let (lead, count) = rounds_of(rounds, 656_000);
            let digest = stretch::<Sha512>(password.as_bytes(), salt.as_bytes(), count);
            let groups = (0..21).map(|i| {
                let turn = [[0, 21, 42], [21, 42, 0], [42, 0, 21]];
                let [a, b, c] = turn.get(i % 3).copied().unwrap_or_default();
                ([Some(a + i), Some(b + i), Some(c + i)], 4)
            });
            let body = encode(&digest, groups.chain([([None, None, Some(63)], 2)]));
            Ok(format!("$6${lead}{salt}${body}"))
        }
        "sha256" | "sha256_crypt" => {
            let (lead, count) = rounds_of(rounds, 535_000);
            let digest = stretch::<Sha256>(password.as_bytes(), salt.as_bytes(), count);
            let groups = ORDER_256.iter().map(|order| (order.map(Some), 4));
            let body = encode(&digest, groups.chain([([None, Some(31), Some(30)], 3)]));
            Ok(format!("$5${lead}{salt}${body}"))
        }
        other => Err(format!("crypt does not support '{other}' algorithm: use sha512 or sha256")),
    }
}

const ORDER_256: [[usize; 3]; 10] = [
    [0, 10, 20],
    [21, 1, 11],
    [12, 22, 2],
    [3, 13, 23],
    [24, 4, 14],
    [15, 25, 5],
    [6, 16, 26],
    [27, 7, 17],
    [18, 28, 8],
    [9, 19, 29],
];

/// Text for salts and passwords.
pub fn random_text(len: usize) -> String {
    let mut random = rand::rng();
    let letters = ALPHABET.iter().skip(2).copied().map(char::from).collect::<Vec<_>>();
    (0..len).filter_map(|_| letters.get(random.random_range(0..letters.len())).copied()).collect()
}

/// `rounds=N$` unless it is what crypt(3) assumes, and the number.
fn rounds_of(rounds: Option<i64>, otherwise: u32) -> (String, u32) {
    let count =
        rounds.map_or(otherwise, |rounds| u32::try_from(rounds.clamp(1000, 999_999_999)).unwrap_or(5000));
    (if count == 5000 { String::new() } else { format!("rounds={count}$") }, count)
}

/// `len` bytes of a digest, repeated.
fn repeated(digest: &[u8], len: usize) -> Vec<u8> {
    digest.iter().copied().cycle().take(len).collect()
}

fn stretch<D: Digest>(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let hash = |parts: &[&[u8]]| {
        let mut digest = D::new();
        parts.iter().for_each(|part| digest.update(part));
        digest.finalize().to_vec()
    };
    let alternate = hash(&[password, salt, password]);
    let mut first = D::new();
    first.update(password);
    first.update(salt);
    first.update(repeated(&alternate, password.len()));
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { alternate.as_slice() } else { password });
        bits >>= 1;
    }
    let mut digest = first.finalize().to_vec();
    let p = repeated(&hash(&vec![password; password.len()]), password.len());
    let times = 16 + usize::from(digest.first().copied().unwrap_or(0));
    let s = repeated(&hash(&vec![salt; times]), salt.len());
    for round in 0..rounds {
        let mut next = D::new();
        next.update(if round % 2 == 1 { p.as_slice() } else { digest.as_slice() });
        if round % 3 != 0 {
            next.update(&s);
        }
        if round % 7 != 0 {
            next.update(&p);
        }
        next.update(if round % 2 == 1 { digest.as_slice() } else { p.as_slice() });
        digest = next.finalize().to_vec();
    }
    digest
}

/// Groups of three bytes, high to low, as letters, lowest six bits first.
fn encode(digest: &[u8], groups: impl Iterator<Item = ([Option<usize>; 3], usize)>) -> String {
    let mut out = String::new();
    for (group, letters) in groups {
        let bytes = group.map(|at| at.and_then(|at| digest.get(at)).copied().unwrap_or(0));
        let mut word = bytes.iter().fold(0usize, |word, byte| (word << 8) | usize::from(*byte));
        for _ in 0..letters {
            out.extend(ALPHABET.get(word & 63).copied().map(char::from));
            word >>= 6;
        }
    }
    out
}
