//! Password hashes as crypt(3) stores them: sha512 (`$6$`), sha256 (`$5$`), bcrypt (`$2b$`) and md5 (`$1$`), with
//! passlib's defaults, limits and words. A password, a salt and rounds come in, the encoded hash goes out.

mod bcrypt;
mod md5;

use rand::Rng;
use sha2::{Digest, Sha256, Sha512};

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How a password is hashed.
#[derive(Debug, Default)]
pub struct Recipe<'a> {
    /// The scheme: `sha512`, `sha256`, `blowfish`, `md5`, or passlib's names of them.
    pub kind: &'a str,
    /// The salt; one is made up if there is none.
    pub salt: Option<&'a str>,
    /// How long a salt is that is made up.
    pub salt_size: Option<i64>,
    /// How often the hash is stretched.
    pub rounds: Option<i64>,
    /// The variant of bcrypt.
    pub ident: Option<&'a str>,
}

/// Hashes a password.
///
/// # Errors
/// There is no such scheme, or the salt or the rounds are not what it takes.
pub fn hash(password: &str, recipe: &Recipe<'_>) -> Result<String, String> {
    let name = match recipe.kind {
        "sha512" | "sha512_crypt" => "sha512_crypt",
        "sha256" | "sha256_crypt" => "sha256_crypt",
        "blowfish" | "bcrypt" => "bcrypt",
        "md5" | "md5_crypt" => "md5_crypt",
        other => {
            return Err(format!(
                "{other} is not in the list of supported passlib algorithms: md5, blowfish, sha256, sha512"
            ));
        }
    };
    let salt = salted(name, recipe).map_err(|said| format!("Could not hash the secret: {said}"))?;
    let rounds = recipe.rounds;
    let least = match name {
        "bcrypt" => 4,
        "md5_crypt" if rounds.is_some() => {
            return Err("MinimalHandler.using() got an unexpected keyword argument 'rounds'".into());
        }
        _ => 1000,
    };
    if let Some(rounds) = rounds.filter(|rounds| *rounds < least) {
        return Err(format!(
            "Could not hash the secret: {name}: min_desired_rounds ({rounds}) is too low, must be at least {least}"
        ));
    }
    let idents = ["2", "2a", "2b", "2y", "$2$", "$2a$", "$2b$", "$2y$"];
    if let Some(ident) = recipe.ident.filter(|ident| name == "bcrypt" && !idents.contains(ident)) {
        return Err(format!("Could not hash the secret: invalid ident: '{ident}'"));
    }
    match name {
        "bcrypt" => Ok(bcrypt::hash(password, &salt, rounds, recipe.ident)),
        "md5_crypt" => Ok(md5::hash(password.as_bytes(), &salt)),
        "sha512_crypt" => {
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
        _ => {
            let (lead, count) = rounds_of(rounds, 535_000);
            let digest = stretch::<Sha256>(password.as_bytes(), salt.as_bytes(), count);
            let groups = ORDER_256.iter().map(|order| (order.map(Some), 4));
            let body = encode(&digest, groups.chain([([None, Some(31), Some(30)], 3)]));
            Ok(format!("$5${lead}{salt}${body}"))
        }
    }
}

/// How long a salt of a scheme is.
pub fn salt_size(kind: &str) -> usize {
    match kind {
        "blowfish" | "bcrypt" => 22,
        "md5" | "md5_crypt" => 8,
        _ => 16,
    }
}

/// The salt of a recipe, or a new one.
fn salted(name: &str, recipe: &Recipe<'_>) -> Result<String, String> {
    let (most, exact) = (salt_size(name), name == "bcrypt");
    if let Some(size) = recipe.salt_size.filter(|size| !exact && *size > 0)
        && usize::try_from(size).map_or(true, |size| size > most)
    {
        return Err(format!("{name}: salt_size ({size}) above max_salt_size ({most})"));
    }
    let Some(salt) = recipe.salt else {
        let size =
            recipe.salt_size.filter(|size| !exact && *size > 0).and_then(|size| usize::try_from(size).ok());
        return Ok(random_text(size.unwrap_or(most)));
    };
    if salt.bytes().any(|byte| !ALPHABET.contains(&byte)) {
        return Err(format!("invalid characters in {name} salt"));
    }
    let wanted = if exact { format!("exactly {most}") } else { format!("<= {most}") };
    match salt.len() {
        length if length > most => Err(format!("salt too large ({name} requires {wanted} chars)")),
        length if exact && length < most => Err(format!("salt too small ({name} requires {wanted} chars)")),
        _ => Ok(salt.to_string()),
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
