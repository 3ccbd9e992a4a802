//! What a session says of where it is: the address, and browser and system in words. The browser's own long line is not
//! kept.

use actix_web::HttpRequest;
use actix_web::http::header;

/// Whom a browser's line names, in the order in which it is looked at: most name others as well.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Lynx/", "Lynx"),
];
const SYSTEMS: [(&str, &str); 6] = [
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// Where a request came from.
pub fn address(request: &HttpRequest) -> Option<String> {
    request.peer_addr().map(|address| address.ip().to_canonical().to_string())
}

/// Browser and system of a request: `Firefox on Linux`.
pub fn agent(request: &HttpRequest) -> Option<String> {
    words(request.headers().get(header::USER_AGENT)?.to_str().ok()?)
}

fn words(line: &str) -> Option<String> {
    let named =
        |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| line.contains(mark)).map(|(_, word)| *word);
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_browser_is_called_by_its_name() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0";
        assert_eq!(words(firefox).as_deref(), Some("Firefox on Linux"));
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                    Safari/537.36 Edg/140.0.0.0";
        assert_eq!(words(edge).as_deref(), Some("Edge on Windows"));
        assert_eq!(words("curl/8.14.1").as_deref(), Some("curl"));
        assert_eq!(words("<script>"), None);
    }
}
