//! Strict lowercase hex (floor 0): exactly the digits asked for, nothing else.
//!
//! The standard library's `from_str_radix` is not used: it takes a sign, uppercase and short input,
//! which is how malformed trace headers pass elsewhere.

/// The value of one lowercase hex digit, or 255.
const fn nibble(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => 255,
    }
}

const NIBBLES: [u8; 256] = {
    let mut table = [255; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = nibble(byte as u8);
        byte += 1;
    }
    table
};

/// Reads exactly sixteen lowercase hex digits.
pub(crate) fn decode_u64(digits: &[u8; 16]) -> Option<u64> {
    let mut value = 0_u64;
    let mut seen = 0_u8;
    for digit in digits {
        let nibble = NIBBLES.get(usize::from(*digit)).copied().unwrap_or(255);
        seen |= nibble;
        value = value << 4 | u64::from(nibble & 15);
    }
    (seen < 16).then_some(value)
}

/// Reads exactly thirty-two lowercase hex digits.
pub(crate) fn decode_u128(digits: &[u8; 32]) -> Option<u128> {
    let (high, low) = digits.split_first_chunk::<16>()?;
    let high = decode_u64(high)?;
    let low = decode_u64(low.first_chunk::<16>()?)?;
    Some(u128::from(high) << 64 | u128::from(low))
}

/// Writes `value` as `N` lowercase hex digits, most significant first.
pub(crate) fn encode<const N: usize>(value: u128) -> [u8; N] {
    let mut text = [0; N];
    let mut rest = value;
    for slot in text.iter_mut().rev() {
        let digit = (rest & 15) as u8;
        *slot = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        rest >>= 4;
    }
    text
}
