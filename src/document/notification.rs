//! `[[notification]]`: who hears of trouble, by mail or by webhook.

use super::connection::secret;
use super::name::{self, NameOf, Unique};
use super::paths::Folder;
use super::section::{Section, one_of};
use crate::model::notification::{Channel, MailTls, NotificationDefinition, Occasion};

const TLS: [(&str, MailTls); 3] = [("starttls", MailTls::Starttls), ("tls", MailTls::Tls), ("none", MailTls::None)];

#[derive(Clone, Copy)]
enum Kind {
    Webhook,
    Mail,
}

/// All notifications; each has a name of its own, given or that of its kind.
pub(super) fn read_all(root: &Section<'_, '_>, folder: Folder<'_>) -> Vec<NotificationDefinition> {
    let mut unique = Unique::default();
    let mut all = Vec::new();
    for section in root.sections("notification", "[[notification]]") {
        if let Some(notification) = read(&section, folder) {
            unique.check(&section, notification.name());
            all.push(notification);
        }
    }
    all
}

fn read(section: &Section<'_, '_>, folder: Folder<'_>) -> Option<NotificationDefinition> {
    if !section.has("kind") {
        section.error("[[notification]] needs kind = \"webhook\" or kind = \"mail\"");
    }
    let kind = section.word("kind", &[("webhook", Kind::Webhook), ("mail", Kind::Mail)]);
    let name = name(section);
    let on = occasions(section);
    let recovered = section.flag("recovered", true);
    if !recovered && on.contains(&Occasion::Recovered) {
        section
            .error_at("recovered", "on tells when trouble is over, recovered = false does not; take one of them out");
    }
    let connectors = section.texts("connectors");
    // What belongs to a kind can't be told where the kind is unknown.
    let channel = match kind? {
        Kind::Webhook => webhook(section, folder),
        Kind::Mail => mail(section, folder),
    };
    section.close();
    Some(NotificationDefinition { name, channel: channel?, on, recovered, connectors })
}

fn name(section: &Section<'_, '_>) -> Option<String> {
    let name = section.text("name")?;
    if name.is_empty() {
        section.error_at("name", "a name has a character or more; write one, or take the line out");
    } else if let Some(flaw) = name::flaw(&name, NameOf::Anything) {
        section.error_at("name", format!("the name {name:?} {flaw}"));
    }
    Some(name)
}

fn webhook(section: &Section<'_, '_>, folder: Folder<'_>) -> Option<Channel> {
    let url = section.required_text("url");
    if !section.has("secret") {
        section.error("[[notification]] needs secret = { env = \"NAME\" } or { file = \"PATH\" }");
    }
    let secret = secret(section, "secret", folder);
    let allow_link_local = section.flag("allow_link_local", false);
    match url::Url::parse(&url) {
        Ok(address) if !address.username().is_empty() || address.password().is_some() => {
            // Not shown: it holds a secret.
            section.error_at("url", "an address holds no user and no password; requests are signed with the secret");
        }
        Ok(address) if matches!(address.scheme(), "http" | "https") && address.host().is_some() => {}
        Err(_) if url.is_empty() => {}
        _ => section.error_at("url", format!("{url:?} is not an address; write one that begins with https://")),
    }
    Some(Channel::Webhook { url, secret: secret?, allow_link_local })
}

fn mail(section: &Section<'_, '_>, folder: Folder<'_>) -> Option<Channel> {
    let server = section.required_text("server");
    let is_host = |server: &str| url::Host::parse(server).is_ok() || server.parse::<std::net::Ipv6Addr>().is_ok();
    if !server.is_empty() && !is_host(&server) {
        let message = format!("{server:?} is not the name of a server; write it alone, its port goes to port");
        section.error_at("server", message);
    }
    let port = section.integer("port", 1..=65_535).and_then(|port| u16::try_from(port).ok());
    let tls = section.word("tls", &TLS).unwrap_or_default();
    let user = section.text("user");
    let password = secret(section, "password", folder);
    let is_here = server == "localhost" || server.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    match (&user, section.has("password")) {
        (Some(_), false) => section.error_at("user", "user needs password = { env = \"NAME\" } or { file = \"PATH\" }"),
        (None, true) => section.error_at("password", "a password needs the user who signs in with it"),
        (Some(_), true) if tls == MailTls::None && !is_here => {
            section.error_at("tls", "a password is not sent in the clear; write \"starttls\" or \"tls\"");
        }
        _ => {}
    }
    let from = section.required_text("from");
    if !from.is_empty() && !is_address(&from) {
        section.error_at("from", format!("{from:?} is not an address; write one such as muster@example.org"));
    }
    let to = section.texts("to");
    if to.is_empty() && section.free_item("to").is_none_or(toml_edit::Item::is_array) {
        section.error_at("to", "[[notification]] needs to = [\"somebody@example.org\"]");
    }
    for (position, address) in to.iter().enumerate().filter(|(_, address)| !is_address(address)) {
        let message = format!("{address:?} is not an address; write one such as operators@example.org");
        section.error_at_element("to", position, message);
    }
    Some(Channel::Mail { server, port, tls, user, password, from, to })
}

/// A plain address, without a name beside it. What exactly may stand there is the mail server's to say.
fn is_address(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "<>(),;:\\\"[]@".contains(c))
    };
    text.split_once('@').is_some_and(|(mailbox, domain)| plain(mailbox) && plain(domain))
}

fn occasions(section: &Section<'_, '_>) -> Vec<Occasion> {
    let words = section.texts("on");
    if words.is_empty()
        && section.free_item("on").is_none_or(|item| item.as_array().is_some_and(|list| list.is_empty()))
    {
        section.error_at("on", format!("[[notification]] needs on = [\"blocked\", …], of {}", known_occasions()));
    }
    let mut occasions = Vec::new();
    for (position, word) in words.iter().enumerate() {
        match word.parse() {
            Ok(occasion) => occasions.push(occasion),
            Err(_) => section.error_at_element(
                "on",
                position,
                format!("{word:?} is nothing to be told of; write {}", known_occasions()),
            ),
        }
    }
    if !occasions.is_empty() && occasions.iter().all(|occasion| *occasion == Occasion::Recovered) {
        section.error_at("on", "nothing is over that was not told before; add \"blocked\", \"failed\" or \"late\"");
    }
    occasions
}

fn known_occasions() -> String {
    one_of(Occasion::ALL.iter().map(|occasion| occasion.as_str()))
}
