//! md5-crypt (`$1$`): for machines that know nothing better. A password and a salt come in, the encoded hash goes out.

use super::{encode, repeated};
use sha2::Digest;

/// The groups of bytes that are written as four letters each.
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

/// The encoded hash.
pub fn hash(password: &[u8], salt: &str) -> String {
    let digest = stretch(password, salt.as_bytes());
    let groups = ORDER.iter().map(|group| (group.map(Some), 4));
    let body = encode(&digest, groups.chain([([None, None, Some(11)], 2)]));
    format!("$1${salt}${body}")
}

fn stretch(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let hash = |parts: &[&[u8]]| {
        let mut digest = md5::Md5::new();
        parts.iter().for_each(|part| digest.update(part));
        digest.finalize().to_vec()
    };
    let alternate = hash(&[password, salt, password]);
    let mut first = md5::Md5::new();
    first.update(password);
    first.update(b"$1$");
    first.update(salt);
    first.update(repeated(&alternate, password.len()));
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0] } else { password.get(..1).unwrap_or_default() });
        bits >>= 1;
    }
    let mut digest = first.finalize().to_vec();
    for round in 0..1000 {
        let (odd, none): (bool, &[u8]) = (round % 2 == 1, &[]);
        digest = hash(&[
            if odd { password } else { &digest },
            if round % 3 == 0 { none } else { salt },
            if round % 7 == 0 { none } else { password },
            if odd { &digest } else { password },
        ]);
    }
    digest
}
