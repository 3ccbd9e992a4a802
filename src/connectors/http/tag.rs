//! Entity tags: what tells one version of something from another (RFC 9110 8.8.3).

use reqwest::header::HeaderValue;

/// A tag that can be sent.
pub struct EntityTag(pub(super) HeaderValue);

impl EntityTag {
    /// Of a version as a service writes it; `None`: not every service writes them as tags.
    pub fn of(version: &str) -> Option<Self> {
        let opaque = version.trim_start_matches("W/");
        let is_tag = opaque.len() > 1 && opaque.starts_with('"') && opaque.ends_with('"');
        HeaderValue::from_str(version).ok().filter(|_| is_tag).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_an_entity_tag_is_taken_for_one() {
        for good in ["W/\"3\"", "\"a330bc54f0671c9\"", "\"\""] {
            assert_eq!(EntityTag::of(good).unwrap().0, good);
        }
        for bad in ["3", "", "\"", "W/3", "W/\"", "\"a\nb\"", "*"] {
            assert!(EntityTag::of(bad).is_none(), "{bad}");
        }
    }
}
