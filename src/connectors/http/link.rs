//! The Link header (RFC 8288), by which some services say where the next page is.

use reqwest::header::{HeaderMap, LINK};

/// Whether it leads from page to page at all. Others say where styles or licences are.
pub fn pages(headers: &HeaderMap) -> bool {
    ["next", "prev", "previous", "first", "last"].iter().any(|relation| target(headers, relation).is_some())
}

/// The target of `rel="next"` (RFC 8288).
pub fn next(headers: &HeaderMap) -> Option<String> {
    target(headers, "next")
}

fn target(headers: &HeaderMap, relation: &str) -> Option<String> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(links).find_map(|(target, parameters)| {
        let is_it = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && relations.any(|one| one.eq_ignore_ascii_case(relation))
        });
        is_it.then(|| target.to_owned())
    })
}

/// Each link's target, and what is said of it.
fn links(line: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let mut quoted = false;
        let end = after.find(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let (parameters, others) = after.split_at(end.unwrap_or(after.len()));
        found.push((target, parameters));
        rest = others;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn the_next_link_is_found_among_others() {
        let of = |line: &'static str| next(&[(LINK, HeaderValue::from_static(line))].into_iter().collect());
        assert_eq!(
            of("</a?p=1>; rel=\"prev\", </a?p=3,4>; title=\"x, y\"; rel=\"last next\""),
            Some("/a?p=3,4".into())
        );
        assert_eq!(of("<b>;REL=next"), Some("b".into()));
        assert_eq!(of("<b>; rel=nextest"), None);
        assert_eq!(of("nothing"), None);
    }

    #[test]
    fn links_from_page_to_page_are_told_from_others() {
        let pages = |lines: &[&'static str]| {
            let headers = lines.iter().map(|line| (LINK, HeaderValue::from_static(line)));
            pages(&headers.collect())
        };
        for relation in ["next", "prev", "previous", "FIRST", "\"last\"", "\"self first\""] {
            let line = HeaderValue::from_str(&format!("</a?p=1>; rel={relation}")).unwrap();
            assert!(super::pages(&[(LINK, line)].into_iter().collect()), "{relation}");
        }
        assert!(pages(&["</x.css>; rel=preload", "</a?p=1>; rel=\"first\""]), "in one of several lines");
        assert!(!pages(&["</x.css>; rel=preload", "</licence>; rel=\"license\"; title=\"first, next\""]));
        assert!(!pages(&[]));
    }
}
