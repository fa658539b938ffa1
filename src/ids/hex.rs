//! Strict lowercase hex (floor 0): exactly the digits asked for, nothing else.
//!
//! The standard library's `from_str_radix` is not used: it takes a sign, uppercase and short input,
//! which is how malformed trace headers pass elsewhere.
//!
//! Eight digits are handled at once, one in each byte of a `u64`. Where all of them are digits, no sum or
//! difference below carries from one byte into the next; whether they are is asked once, at the end.

/// The same byte in all eight places.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Reads exactly sixteen lowercase hex digits.
#[inline]
pub(crate) fn decode_u64(digits: &[u8; 16]) -> Option<u64> {
    let (value, wrong) = sixteen(digits);
    (wrong == 0).then_some(value)
}

/// Reads exactly thirty-two lowercase hex digits.
#[inline]
pub(crate) fn decode_u128(digits: &[u8; 32]) -> Option<u128> {
    let ([high, low], _) = digits.as_chunks() else { return None };
    let (high, low) = (sixteen(high), sixteen(low));
    (high.1 | low.1 == 0).then_some(u128::from(high.0) << 64 | u128::from(low.0))
}

/// Reads exactly two lowercase hex digits.
#[inline]
pub(crate) const fn decode_u8([high, low]: [u8; 2]) -> Option<u8> {
    match (nibble(high), nibble(low)) {
        (high @ ..0x10, low @ ..0x10) => Some(high << 4 | low),
        _ => None,
    }
}

/// The value of a digit, 16 or more of anything else.
#[inline(always)]
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => u8::MAX,
    }
}

/// Writes two lowercase hex digits.
#[inline]
pub(crate) const fn encode_u8(value: u8) -> [u8; 2] {
    pair(value).to_le_bytes()
}

/// Writes sixteen lowercase hex digits, most significant first.
///
/// By itself it is compiled to vectors, which make all eight pairs at once; within another function it is not. Where
/// they are to stay: what is moved along with its neighbours waits for the stores of all of them.
#[inline(never)]
pub(crate) fn write_u64(value: u64, text: &mut [u8; 16]) {
    for (digits, byte) in text.as_chunks_mut().0.iter_mut().zip(value.to_be_bytes()) {
        *digits = pair(byte).to_le_bytes();
    }
}

/// Writes thirty-two lowercase hex digits, most significant first.
#[inline]
pub(crate) fn write_u128(value: u128, text: &mut [u8; 32]) {
    if let ([high, low], _) = text.as_chunks_mut() {
        write_u64((value >> 64) as u64, high);
        write_u64(value as u64, low);
    }
}

/// As [`write_u64`].
#[inline]
pub(crate) fn encode_u64(value: u64) -> [u8; 16] {
    let mut text = [0; 16];
    write_u64(value, &mut text);
    text
}

/// As [`write_u128`].
#[inline]
pub(crate) fn encode_u128(value: u128) -> [u8; 32] {
    let mut text = [0; 32];
    write_u128(value, &mut text);
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

/// The value of sixteen digits; and zero, if they are digits.
#[inline(always)]
fn sixteen(digits: &[u8; 16]) -> (u64, u64) {
    let ([high, low], _) = digits.as_chunks() else { return (0, 1) };
    let (high, low) = (eight(*high), eight(*low));
    (high.0 << 32 | low.0, high.1 | low.1)
}

/// The value of eight digits; and zero, if they are digits.
#[inline(always)]
const fn eight(digits: [u8; 8]) -> (u64, u64) {
    let bytes = u64::from_be_bytes(digits);
    // Of digits, only letters have bit 6; `a` is 0x27 further on than it would be right behind `9`.
    let is_letter = bytes >> 6 & each(1);
    let nibbles = (bytes - is_letter * 0x27) ^ each(b'0');
    let is_ten_or_more = nibbles.wrapping_add(each(6)) >> 4 & each(1);
    let wrong = nibbles & each(0xf0) | is_letter ^ is_ten_or_more;
    let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    ((quads | quads >> 16) & 0xffff_ffff, wrong)
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
                let (value, wrong) = eight(digits);
                let value = (wrong == 0).then_some(value as u32);
                assert_eq!(value, expected, "byte {byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn two_bytes_are_digits_if_both_are() {
        for bytes in (0..=u16::MAX).map(u16::to_be_bytes) {
            let are_digits = bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let value = std::str::from_utf8(&bytes).ok().filter(|_| are_digits);
            let expected = value.map(|digits| u8::from_str_radix(digits, 16).unwrap());
            assert_eq!(decode_u8(bytes), expected, "{bytes:?}");
            let [high, low] = bytes;
            let (value, wrong) = eight([b'f', high, low, b'0', b'9', b'a', high, low]);
            let expected = expected.map(|byte| {
                let byte = u64::from(byte);
                0xf000_0000 | byte << 20 | 0x9a00 | byte
            });
            assert_eq!((wrong == 0).then_some(value), expected, "{bytes:?}");
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
