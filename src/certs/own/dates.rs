//! When a certificate begins and ends: two dates, read out of its DER.
//!
//! rustls tells whether a certificate is valid at some time, not when it ends,
//! and of an authority not even that. A parser of everything in a certificate
//! would bring a dozen crates.

use std::time::Duration;

use super::material::Span;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// The validity of a certificate (RFC 5280 §4.1.2.5); none when it is not
/// where it belongs, or before 1970.
pub fn span(certificate: &[u8]) -> Option<Span> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (mut fields, _) = expect(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = expect(fields, VERSION)?;
    }
    // Serial number, algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, fields) = expect(fields, tag)?;
    }
    let (validity, _) = expect(fields, SEQUENCE)?;
    let (begins, rest) = time(validity)?;
    let (ends, _) = time(rest)?;
    Some(Span { begins, ends })
}

/// The content of an element of that tag, and what follows it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, bytes) = bytes.split_first()?;
    let (&first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(first), bytes),
        0x81..=0x83 => {
            let (digits, bytes) = bytes.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), bytes)
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn time(bytes: &[u8]) -> Option<(Duration, &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    let text = str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let (year, rest_of_date) = match tag {
        UTC_TIME => {
            let (year, rest) = number(text, 2)?;
            (if year < 50 { year + 2000 } else { year + 1900 }, rest)
        }
        GENERALIZED_TIME => number(text, 4)?,
        _ => return None,
    };
    let (month, text) = number(rest_of_date, 2)?;
    let (day, text) = number(text, 2)?;
    let (hour, text) = number(text, 2)?;
    let (minute, text) = number(text, 2)?;
    let (second, text) = number(text, 2)?;
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !text.is_empty() || !is_date || year < 1970 {
        return None;
    }
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some((Duration::from_secs(seconds), rest))
}

fn number(text: &str, digits: usize) -> Option<(u64, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().ok().map(|number| (number, rest)))?
}

/// Days since the beginning of 1970, of a year that begins in March.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year / 4 - year / 100 + year / 400;
    // 719,468 days from March of the year 0.
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn made(begins: (i32, u8, u8), ends: (i32, u8, u8)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(begins.0, begins.1, begins.2);
        params.not_after = date_time_ymd(ends.0, ends.1, ends.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_dates_are_read() {
        for (begins, ends, seconds) in [
            ((1970, 1, 1), (1970, 1, 2), (0, 86_400)),
            ((2000, 2, 29), (2000, 3, 1), (951_782_400, 951_868_800)),
            ((2026, 11, 21), (2049, 12, 31), (1_795_219_200, 2_524_521_600)),
            ((2050, 1, 1), (2100, 3, 1), (2_524_608_000, 4_107_542_400)),
        ] {
            let span = span(&made(begins, ends)).unwrap();
            let expected = (span.begins.as_secs(), span.ends.as_secs());
            assert_eq!(expected, seconds, "{begins:?} {ends:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_is_no_panic() {
        let certificate = made((2026, 1, 1), (2027, 1, 1));
        for length in 0..certificate.len() {
            // The outer length says that something is missing.
            assert_eq!(span(&certificate[..length]), None);
        }
        for at in 0..certificate.len() {
            for bit in 0..8 {
                let mut changed = certificate.clone();
                changed[at] ^= 1 << bit;
                let _ = span(&changed);
            }
        }
    }
}
