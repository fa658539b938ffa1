//! Short texts put together without an allocation (floor 5): header values, addresses.

use std::{fmt, net::IpAddr, ops::Range};

/// At most `N` bytes; what does not fit is left out as a whole.
pub(super) struct Line<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Line<N> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Appends a piece; where it lies, or `None` if it does not fit.
    pub(super) fn push(&mut self, piece: &[u8]) -> Option<Range<usize>> {
        let start = self.len;
        let end = start + piece.len();
        self.bytes.get_mut(start..end)?.copy_from_slice(piece);
        self.len = end;
        Some(start..end)
    }

    /// Appends what `write` puts there, if so many bytes fit.
    #[cfg_attr(not(feature = "client"), expect(dead_code))]
    pub(super) fn push_with<const M: usize>(
        &mut self,
        write: impl FnOnce(&mut [u8; M]),
    ) -> Option<Range<usize>> {
        let start = self.len;
        write(self.bytes.get_mut(start..)?.first_chunk_mut()?);
        self.len += M;
        Some(start..self.len)
    }

    /// Appends a number with at least so many digits.
    pub(super) fn push_number(&mut self, number: u64, least: usize) -> Option<Range<usize>> {
        let mut digits = [b'0'; 20];
        let mut rest = number;
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            count += 1;
            if rest == 0 && count >= least {
                break;
            }
        }
        self.push(digits.get(digits.len() - count..)?)
    }

    /// Appends three digits.
    pub(super) fn push_thousandths(&mut self, number: u32) -> Option<Range<usize>> {
        let digit = |number: u32| b'0' + (number % 10) as u8;
        self.push(&[digit(number / 100), digit(number / 10), digit(number)])
    }

    /// Appends an address.
    pub(super) fn push_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                let [first, rest @ ..] = address.octets();
                self.push_octet(first);
                for octet in rest {
                    self.push_byte(b'.');
                    self.push_octet(octet);
                }
            }
            IpAddr::V6(address) => {
                let _fits = fmt::Write::write_fmt(self, format_args!("{address}"));
            }
        }
    }

    fn push_octet(&mut self, octet: u8) {
        if octet >= 100 {
            self.push_byte(b'0' + octet / 100);
        }
        if octet >= 10 {
            self.push_byte(b'0' + octet / 10 % 10);
        }
        self.push_byte(b'0' + octet % 10);
    }

    #[inline]
    fn push_byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_ref()).unwrap_or_default()
    }
}

impl<const N: usize> AsRef<[u8]> for Line<N> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Write for Line<N> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.push(piece.as_bytes()).map(drop).ok_or(fmt::Error)
    }
}

/// Room for any address. It is written where it stays: what has just been put together byte by byte is dear to move.
pub(super) type AddressLine = Line<45>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_the_standard_library_writes_them() {
        let addresses = [
            "0.0.0.0",
            "192.0.2.7",
            "10.200.30.255",
            "255.255.255.255",
            "::",
            "2001:db8::1",
            "::ffff:192.0.2.128",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ];
        for text in addresses {
            let mut line = AddressLine::new();
            line.push_address(text.parse().unwrap());
            assert_eq!(line.as_str(), text);
        }
    }

    #[test]
    fn numbers_have_the_digits_asked_for() {
        let text = |number, least| {
            let mut line = Line::<20>::new();
            line.push_number(number, least);
            line.as_str().to_owned()
        };
        assert_eq!([text(0, 1), text(7, 3), text(1234, 3)], ["0", "007", "1234"]);
        assert_eq!(text(u64::MAX, 1), u64::MAX.to_string());
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut line = Line::<4>::new();
        assert_eq!(line.push(b"abc"), Some(0..3));
        assert_eq!(line.push(b"de"), None);
        assert_eq!(line.push(b"d"), Some(3..4));
        assert_eq!(line.as_str(), "abcd");
    }
}
