//! bcrypt (`$2b$`). A password, 22 letters of salt and the logarithm of the rounds come in, the encoded hash goes out.

use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use blowfish::Blowfish;

const LETTERS: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// "OrpheanBeholderScryDoubt", in words.
const TEXT: [u32; 6] = [0x4F72_7068, 0x6561_6E42, 0x6568_6F6C, 0x6465_7253, 0x6372_7944, 0x6F75_6274];

/// The encoded hash.
pub fn hash(password: &str, salt: &str, rounds: Option<i64>, ident: Option<&str>) -> String {
    let cost = rounds.and_then(|rounds| u32::try_from(rounds.clamp(4, 31)).ok()).unwrap_or(12);
    let ident = ident.map_or("2b", |ident| ident.trim_matches('$'));
    // The last letter carries bits that are not used: both ends of this trip leave them out.
    let raw = LETTERS.decode(salt).unwrap_or_default();
    let mut key: Vec<u8> = password.bytes().collect();
    if ident != "2" {
        key.push(0);
    }
    key.truncate(72);
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(&raw, &key);
    for _ in 0..1u64 << cost {
        state.bc_expand_key(&key);
        state.bc_expand_key(&raw);
    }
    let mut text = TEXT;
    for pair in text.chunks_exact_mut(2) {
        let [left, right] = pair else { continue };
        for _ in 0..64 {
            [*left, *right] = state.bc_encrypt([*left, *right]);
        }
    }
    let bytes: Vec<u8> = text.iter().flat_map(|word| word.to_be_bytes()).take(23).collect();
    format!("${ident}${cost:02}${}{}", LETTERS.encode(raw), LETTERS.encode(bytes))
}
