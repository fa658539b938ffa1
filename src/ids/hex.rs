//! Strict lowercase hex (floor 0): exactly the digits asked for, nothing else.
//!
//! The standard library's `from_str_radix` is not used: it takes a sign, uppercase and short input,
//! which is how malformed trace headers pass elsewhere.
//!
//! Eight digits are handled at once, one in each byte of a `u64`. No sum below can carry from one
//! byte into the next: the bytes are ASCII or nibbles, and what is added stays under 0x81.

/// The same byte in all eight places.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Reads exactly sixteen lowercase hex digits.
pub(crate) fn decode_u64(digits: &[u8; 16]) -> Option<u64> {
    let (high, low) = digits.split_first_chunk::<8>()?;
    let high = decode_u32(*high)?;
    let low = decode_u32(*low.first_chunk()?)?;
    Some(u64::from(high) << 32 | u64::from(low))
}

/// Reads exactly thirty-two lowercase hex digits.
pub(crate) fn decode_u128(digits: &[u8; 32]) -> Option<u128> {
    let (high, low) = digits.split_first_chunk::<16>()?;
    let high = decode_u64(high)?;
    let low = decode_u64(low.first_chunk()?)?;
    Some(u128::from(high) << 64 | u128::from(low))
}

/// Reads exactly two lowercase hex digits.
pub(crate) fn decode_u8([high, low]: [u8; 2]) -> Option<u8> {
    let value = decode_u32([b'0', b'0', b'0', b'0', b'0', b'0', high, low])?;
    u8::try_from(value).ok()
}

/// Writes two lowercase hex digits.
#[inline]
pub(crate) const fn encode_u8(value: u8) -> [u8; 2] {
    pair(value).to_le_bytes()
}

/// Writes sixteen lowercase hex digits, most significant first.
///
/// By itself it is compiled to vectors, which make all eight pairs at once; within another function it is not.
#[inline(never)]
pub(crate) fn encode_u64(value: u64) -> [u8; 16] {
    let mut text = [0; 16];
    for (digits, byte) in text.as_chunks_mut().0.iter_mut().zip(value.to_be_bytes()) {
        *digits = pair(byte).to_le_bytes();
    }
    text
}

/// Writes thirty-two lowercase hex digits, most significant first.
#[inline]
pub(crate) fn encode_u128(value: u128) -> [u8; 32] {
    let mut text = [0; 32];
    let (high, low) = text.split_at_mut(16);
    high.copy_from_slice(&encode_u64((value >> 64) as u64));
    low.copy_from_slice(&encode_u64(value as u64));
    text
}

/// The two digits of a byte, the first one in the low half.
#[inline(always)]
const fn pair(byte: u8) -> u16 {
    let nibbles = (byte >> 4) as u16 | ((byte & 0x0f) as u16) << 8;
    // Adding 6 sets bit 4 from ten on; `a` is 0x27 further on than a digit would be.
    let is_letter = (nibbles + 0x0606) >> 4 & 0x0101;
    nibbles + 0x3030 + is_letter * 0x27
}

fn decode_u32(digits: [u8; 8]) -> Option<u32> {
    const HIGH_BITS: u64 = each(0x80);
    let bytes = u64::from_be_bytes(digits);
    // Adding (0x80 - low) sets a byte's high bit from `low` on, adding (0x7f - high) beyond `high`.
    let ascii = bytes & !HIGH_BITS;
    let is_digit = (ascii + each(0x80 - b'0')) & !(ascii + each(0x7f - b'9')) & HIGH_BITS;
    let is_letter = (ascii + each(0x80 - b'a')) & !(ascii + each(0x7f - b'f')) & HIGH_BITS;
    if bytes & HIGH_BITS != 0 || is_digit | is_letter != HIGH_BITS {
        return None;
    }
    // The low four bits of `a` are 1, so letters lack 9.
    let nibbles = (ascii & each(0x0f)) + (is_letter >> 7) * 9;
    let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((quads | quads >> 16) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_in_any_place_decides() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"89abcdef";
                digits[place] = byte;
                let expected = match byte {
                    b'0'..=b'9' | b'a'..=b'f' => {
                        u32::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).ok()
                    }
                    _ => None,
                };
                assert_eq!(decode_u32(digits), expected, "byte {byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn each_byte_has_one_spelling() {
        for byte in 0..=u8::MAX {
            let text = encode_u8(byte);
            assert_eq!(text.as_slice(), format!("{byte:02x}").as_bytes());
            assert_eq!(decode_u8(text), Some(byte));
        }
    }

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, u128::MAX] {
            assert_eq!(encode_u128(value).as_slice(), format!("{value:032x}").as_bytes());
            assert_eq!(decode_u128(&encode_u128(value)), Some(value));
            assert_eq!(decode_u64(&encode_u64(value as u64)), Some(value as u64));
        }
    }
}
