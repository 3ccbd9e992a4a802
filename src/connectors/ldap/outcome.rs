//! The result codes of LDAP (RFC 4511 appendix A) in words.

use ldap3::LdapResult;

/// A result that is not success, for people.
pub struct Outcome {
    /// `sizeLimitExceeded (4): the server's own words`.
    pub words: String,
    /// What to do next.
    pub advice: &'static str,
    /// Whether it may be over later.
    pub transient: bool,
}

/// Success.
pub const SUCCESS: u32 = 0;
/// More entries than this account may see at once.
pub const SIZE_LIMIT_EXCEEDED: u32 = 4;
/// The base does not exist, or this account may not know.
pub const NO_SUCH_OBJECT: u32 = 32;

/// The answers to a bind that are about who asks, and not about the server: a wrong password, no such entry, no password
/// there, an account that is locked or must change its password first.
pub const REFUSES_A_PERSON: [u32; 7] = [19, NO_SUCH_OBJECT, 34, 48, 49, 50, 53];

/// What a result means.
pub fn explain(result: &LdapResult) -> Outcome {
    let (advice, transient) = match result.rc {
        1 => ("Active Directory answers so when nobody has signed in: set `bind_dn` and `bind_password`.", false),
        3 => ("Narrow the filter, or let the server's administrator raise the time limit of this account.", true),
        SIZE_LIMIT_EXCEEDED => (
            "The server gives this account only so many entries: let its administrator lift the limit (OpenLDAP: \
             `limits … size.prtotal=unlimited`), or split the table by base or filter.",
            false,
        ),
        7 | 48 => ("The server does not accept a simple bind with these settings.", false),
        8 | 13 => ("The server wants an encrypted connection: use ldaps:// or `start_tls = true`.", false),
        10 => {
            ("The base is held by another server, and referrals are not followed: name that one in `servers`.", false)
        }
        11 => ("An administrative limit was reached: let the server's administrator lift it for this account.", false),
        12 => ("The server can't give results in pages (RFC 2696), so the end of a table could not be proven.", false),
        NO_SUCH_OBJECT => ("There is no such base, or this account may not see it: check `base`.", false),
        34 => ("A distinguished name is misspelled: check `base` and `bind_dn`.", false),
        49 => ("Check `bind_dn` and `bind_password`.", false),
        50 => ("This account may not read here: let the server's administrator grant it.", false),
        51 | 52 => ("The server is busy or going down: try again later.", true),
        53 => ("The server refuses this: check the page size and the account's limits.", false),
        _ => ("The server's log says more.", false),
    };
    Outcome { words: words(result.rc, &result.text), advice, transient }
}

/// The code's name and number, and what the server says, in one bounded line.
pub fn words(code: u32, text: &str) -> String {
    let text: String = text.chars().filter(|character| !character.is_control()).take(200).collect();
    let separator = if text.is_empty() { "" } else { ": " };
    format!("{} ({code}){separator}{text}", name(code))
}

fn name(code: u32) -> &'static str {
    match code {
        0 => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        16 => "noSuchAttribute",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        80 => "other",
        _ => "result",
    }
}
