//! `random` and `shuffle`. With a seed they give what Python's generator gives for it, so that a minute chosen for a
//! host stays the same; without one, anything.

use super::Table;
use crate::template::arguments::{Args, items};
use crate::template::{Value, fault, python};
use minijinja::value::ValueKind;
use minijinja::{Error, State};
use rand::Rng;
use sha2::{Digest, Sha512};

pub const TABLE: Table =
    &[("random", random), ("shuffle", shuffle), ("community.general.random_mac", random_mac)];

/// Python's generator: the Mersenne Twister, seeded as `random.Random(seed)` seeds it.
pub struct Twister {
    state: Vec<u32>,
    at: usize,
}

const SIZE: usize = 624;

impl Twister {
    /// From a seed.
    pub fn new(seed: &Value) -> Self {
        let mut bytes = match seed.as_i64().filter(|_| seed.is_integer()) {
            Some(number) => number.unsigned_abs().to_be_bytes().to_vec(),
            None => {
                let text = python::text(seed).unwrap_or_default().into_bytes();
                let digest = Sha512::digest(&text);
                [text, digest.to_vec()].concat()
            }
        };
        bytes.reverse();
        let word = |chunk: &[u8]| chunk.iter().rev().fold(0u32, |word, byte| (word << 8) | u32::from(*byte));
        let mut key: Vec<u32> = bytes.chunks(4).map(word).collect();
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        Self::by_array(&key)
    }

    fn plain(seed: u32) -> Vec<u32> {
        let mut state = vec![seed];
        let mut last = seed;
        for i in 1..624u32 {
            last = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i);
            state.push(last);
        }
        state
    }

    fn by_array(key: &[u32]) -> Self {
        let mut state = Self::plain(19_650_218);
        let (mut i, mut j) = (1usize, 0usize);
        let get = |state: &[u32], i: usize| state.get(i).copied().unwrap_or(0);
        let set = |state: &mut [u32], i: usize, value: u32| {
            if let Some(slot) = state.get_mut(i) {
                *slot = value;
            }
        };
        let mix = |state: &[u32], i: usize| {
            let before = get(state, i - 1);
            before ^ (before >> 30)
        };
        for _ in 0..SIZE.max(key.len()) {
            let add = get(key, j).wrapping_add(u32::try_from(j).unwrap_or(0));
            let value = (get(&state, i) ^ mix(&state, i).wrapping_mul(1_664_525)).wrapping_add(add);
            set(&mut state, i, value);
            i += 1;
            j = (j + 1) % key.len().max(1);
            if i >= SIZE {
                let last = get(&state, SIZE - 1);
                set(&mut state, 0, last);
                i = 1;
            }
        }
        for _ in 0..SIZE - 1 {
            let less = u32::try_from(i).unwrap_or(0);
            let value = (get(&state, i) ^ mix(&state, i).wrapping_mul(1_566_083_941)).wrapping_sub(less);
            set(&mut state, i, value);
            i += 1;
            if i >= SIZE {
                let last = get(&state, SIZE - 1);
                set(&mut state, 0, last);
                i = 1;
            }
        }
        set(&mut state, 0, 0x8000_0000);
        Self { state, at: SIZE }
    }

    fn turn(&mut self) {
        let get = |state: &[u32], i: usize| state.get(i % SIZE).copied().unwrap_or(0);
        for i in 0..SIZE {
            let word = (get(&self.state, i) & 0x8000_0000) | (get(&self.state, i + 1) & 0x7fff_ffff);
            let flip = if word & 1 == 1 { 0x9908_b0df } else { 0 };
            let value = get(&self.state, i + 397) ^ (word >> 1) ^ flip;
            if let Some(slot) = self.state.get_mut(i) {
                *slot = value;
            }
        }
        self.at = 0;
    }

    fn next(&mut self) -> u32 {
        if self.at >= SIZE {
            self.turn();
        }
        let mut word = self.state.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn bits(&mut self, count: u32) -> u64 {
        if count <= 32 {
            return u64::from(self.next() >> (32 - count));
        }
        let low = u64::from(self.next());
        low | (u64::from(self.next() >> (64 - count)) << 32)
    }

    /// A number below `limit`, which is not zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        let bits = 64 - limit.leading_zeros();
        loop {
            let number = self.bits(bits.max(1));
            if number < limit {
                return number;
            }
        }
    }
}

/// Draws numbers below a limit: Python's for a seed, else anything.
fn draw(seed: Option<Value>) -> impl FnMut(u64) -> u64 {
    let mut twister = seed.filter(|seed| !seed.is_none()).map(|seed| Twister::new(&seed));
    move |limit| match &mut twister {
        Some(twister) => twister.below(limit),
        None => rand::rng().random_range(0..limit),
    }
}

fn random(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let mut draw = draw(args.get(2, "seed"));
    let (start, step) = (args.int(0, "start")?, args.int(1, "step")?);
    if let Some(end) = value.as_i64().filter(|_| value.is_integer()) {
        let (start, step) = (start.unwrap_or(0), step.unwrap_or(1));
        if step == 0 {
            return Err(fault::error("zero step for randrange()"));
        }
        let width = (end - start + step - step.signum()).div_euclid(step);
        let limit = u64::try_from(width).ok().filter(|limit| *limit > 0).ok_or_else(|| {
            fault::error(format!("empty range for randrange() ({start}, {end}, {})", end - start))
        })?;
        return Ok(Value::from(start + step * i64::try_from(draw(limit)).unwrap_or(0)));
    }
    if start.is_some() || step.is_some() {
        return Err(fault::error("start and step can only be used with integer values"));
    }
    let kind = value.kind();
    if !matches!(kind, ValueKind::Seq | ValueKind::Iterable | ValueKind::String) {
        return Err(fault::error("random can only be used on sequences and integers"));
    }
    let all = items(value)?;
    let Ok(limit @ 1..) = u64::try_from(all.len()) else {
        return Err(fault::error("Cannot choose from an empty sequence"));
    };
    let at = usize::try_from(draw(limit)).unwrap_or(0);
    Ok(all.get(at).cloned().unwrap_or_default())
}

fn shuffle(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let mut draw = draw(args.get(0, "seed"));
    let mut all = items(value)?;
    for i in (1..all.len()).rev() {
        let j = usize::try_from(draw(u64::try_from(i + 1).unwrap_or(1))).unwrap_or(0);
        all.swap(i, j);
    }
    Ok(Value::from(all))
}

fn random_mac(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let prefix = python::text(value)?.to_lowercase();
    let mut draw = draw(args.get(0, "seed"));
    let mut parts: Vec<String> = prefix.trim_end_matches(':').split(':').map(String::from).collect();
    if parts.len() > 5 || parts.iter().any(|part| part.len() != 2 || u8::from_str_radix(part, 16).is_err()) {
        return Err(fault::error(format!(
            "Invalid value ({prefix}) for random_mac: expected 1 to 5 hex bytes"
        )));
    }
    while parts.len() < 6 {
        parts.push(format!("{:02x}", draw(256)));
    }
    Ok(Value::from(parts.join(":")))
}
