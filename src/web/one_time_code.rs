//! Codes that change with time (RFC 6238): six digits, a new one every 30 seconds, HMAC-SHA-1, which is what all
//! authenticator apps know.

use super::error::WebError;
use chrono::{DateTime, Utc};
use qrcode::QrCode;
use qrcode::render::svg;
use rand::Rng;
use totp_rs::{Builder, Totp};

/// As long as the hash, as RFC 4226 advises.
const SECRET_BYTES: usize = 20;
const ISSUER: &str = "Muster";

/// A new secret.
pub fn new_secret() -> [u8; SECRET_BYTES] {
    let mut secret = [0; SECRET_BYTES];
    rand::rng().fill_bytes(&mut secret);
    secret
}

/// The step of a code, if it is the secret's, at that moment or one step before or after.
pub fn step_of(secret: &[u8], code: &str, now: DateTime<Utc>) -> Result<Option<i64>, WebError> {
    let code: String = code.chars().filter(|character| !character.is_whitespace()).collect();
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Ok(totp(secret, "")?.check(&code, seconds).and_then(|step| i64::try_from(step).ok()))
}

/// What authenticator apps take: `otpauth://totp/…`.
pub fn uri(secret: &[u8], account: &str) -> Result<String, WebError> {
    totp(secret, &account.replace(':', " "))?.to_url().map_err(|error| WebError::Internal(error.to_string()))
}

/// The secret to be typed: base32 in groups of four.
pub fn typed(secret: &[u8]) -> String {
    let base32 = totp_rs::Secret::new(secret.into()).to_base32();
    let characters: Vec<char> = base32.chars().collect();
    characters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// A text as a picture for cameras.
pub fn picture(text: &str) -> Result<String, WebError> {
    let code = QrCode::new(text).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(220, 220).build())
}

fn totp(secret: &[u8], account: &str) -> Result<Totp, WebError> {
    let builder = Builder::new().with_digits(6).with_skew(1).with_step_duration(30);
    let builder = builder.with_secret(totp_rs::Secret::new(secret.into())).with_issuer(Some(ISSUER));
    builder.with_account_name(account).build().map_err(|error| WebError::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// RFC 6238 appendix B, for SHA-1; the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step_of(secret, code, at(seconds)).unwrap(), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_the_ones_beside_it() {
        let secret = b"12345678901234567890";
        for (seconds, good) in
            [(1_111_111_079, true), (1_111_111_109, true), (1_111_111_139, true), (1_111_111_170, false)]
        {
            assert_eq!(step_of(secret, " 081 804", at(seconds)).unwrap().is_some(), good, "{seconds}");
        }
        for none in ["", "08180", "0818040", "08180x", "٠٨١٨٠٤"] {
            assert_eq!(step_of(secret, none, at(1_111_111_109)).unwrap(), None, "{none:?}");
        }
    }

    #[test]
    fn apps_are_told_the_secret_and_whose_it_is() {
        let secret = b"12345678901234567890";
        let uri = uri(secret, "ada: the first").unwrap();
        assert!(uri.starts_with("otpauth://totp/Muster:ada"), "{uri}");
        assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") && uri.contains("issuer=Muster"), "{uri}");
        assert_eq!(typed(secret), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let picture = picture(&uri).unwrap();
        assert!(picture.contains("<svg ") && !picture.contains("style="), "{picture}");
    }
}
