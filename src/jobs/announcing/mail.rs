//! Mail by SMTP, as plain text, one message for each recipient, so that one bad address keeps it from nobody else.

use super::Fault;
use crate::model::delivery::Delivery;
use crate::model::notification::{Channel, MailTls};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::error::Error;
use std::time::Duration;

/// For each step of the conversation.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Sends a delivery once.
pub(super) async fn send(channel: &Channel, delivery: &Delivery) -> Result<(), Fault> {
    let Channel::Mail { server, port, tls, user, password, from, .. } = channel else { return Ok(()) };
    let mail = mail(from, delivery)?;
    let encryption = match tls {
        MailTls::None => Tls::None,
        MailTls::Starttls => Tls::Required(parameters(server)?),
        MailTls::Tls => Tls::Wrapper(parameters(server)?),
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
        .port(port.unwrap_or_else(|| tls.default_port()))
        .tls(encryption)
        .timeout(Some(ANSWER_WITHIN));
    if let Some(name) = own_name() {
        transport = transport.hello_name(ClientId::Domain(name));
    }
    if let (Some(user), Some(password)) = (user, password) {
        let password = password.read().map_err(Fault::passing)?;
        transport = transport.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    transport.build().send(mail).await.map(drop).map_err(|error| fault(&error))
}

fn mail(from: &str, delivery: &Delivery) -> Result<Message, Fault> {
    let unusable =
        |what: &str, error: &dyn std::fmt::Display| Fault::hopeless(format!("{what} can't be used: {error}"));
    let message = &delivery.message;
    let text = format!(
        "{}.\n\n{}\n\n{}\n\n-- \nMuster tells you because its settings have the notification {:?}.\n",
        message.title,
        message.lines.join("\n"),
        message.link,
        delivery.notification
    );
    let domain = from.split_once('@').map_or("muster", |(_, domain)| domain);
    Message::builder()
        .from(from.parse().map_err(|error| unusable("the sender's address", &error))?)
        .to(delivery.recipient.parse().map_err(|error| unusable("the recipient's address", &error))?)
        .subject(format!("[Muster] {}", message.title))
        .message_id(Some(format!("<{}@{domain}>", delivery.message_id.simple())))
        // Nobody's holiday message is wanted (RFC 3834).
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .header(ContentType::TEXT_PLAIN)
        .body(text)
        .map_err(|error| unusable("the mail", &error))
}

fn parameters(server: &str) -> Result<TlsParameters, Fault> {
    TlsParameters::new_rustls(server.to_owned()).map_err(|error| fault(&error))
}

/// What we call ourselves; the library's own word where the machine has no proper name.
fn own_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    (!name.is_empty() && name.chars().all(is_plain)).then(|| name.to_owned())
}

fn fault(error: &lettre::transport::smtp::Error) -> Fault {
    let mut words = error.to_string();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = next.source();
    }
    Fault::passing(words)
}
