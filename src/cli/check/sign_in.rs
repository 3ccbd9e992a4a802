//! The ways to sign in that the settings name: can they be asked?

use super::{Context, Exit, tell};
use crate::cli::Session;
use crate::connectors::Finding;
use crate::document;
use crate::model::sign_in_settings::{DirectorySignIn, ProviderSignIn, RoleGroups};
use crate::pipeline::export;
use crate::pipeline::sign_in::Directory;
use crate::web::provider::Provider;
use diesel::pg::PgConnection;

/// Tells of each.
pub(super) fn run(context: &Context, session: &Session) -> anyhow::Result<Exit> {
    let mut connection = session.connection()?;
    let settings = document::settings_in_force(&mut connection)?.sign_in;
    let needed: Vec<&str> = settings.second_factor.iter().map(|role| role.as_str()).collect();
    let words = match needed.is_empty() {
        true => "passwords of Muster's own; no role needs a second factor".to_owned(),
        false => format!("passwords of Muster's own; a second factor is needed by {}", needed.join(", ")),
    };
    let mut all_work = tell(context, "sign_in", Ok(vec![finding("accounts", Ok(words))]))?;
    if let Some(directory) = &settings.directory {
        all_work &= tell(context, "sign_in.directory", Ok(self::directory(context, &mut connection, directory)))?;
    }
    if let Some(provider) = &settings.provider {
        all_work &= tell(context, "sign_in.provider", Ok(vec![self::provider(provider)?]))?;
    }
    Ok(if all_work { Exit::Done } else { Exit::Failed })
}

fn directory(context: &Context, connection: &mut PgConnection, settings: &DirectorySignIn) -> Vec<Finding> {
    let subject = format!("connector {}", settings.connector);
    match Directory::load(connection, settings) {
        Err(error) => vec![finding(&subject, Err(error.to_string()))],
        Ok(directory) => match export::check(&context.config.program, directory.request()) {
            Err(error) => vec![finding(&subject, Err(error.to_string()))],
            Ok(mut findings) => {
                findings
                    .push(finding(&subject, Ok(format!("names by {}; {}", settings.filter, roles(&settings.roles)))));
                findings
            }
        },
    }
}

fn provider(settings: &ProviderSignIn) -> anyhow::Result<Finding> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let looked = runtime.block_on(Provider::default().look(settings));
    let result = looked.map(|words| format!("{words}; {}", roles(&settings.roles))).map_err(|error| error.to_string());
    Ok(finding(&settings.issuer, result))
}

fn roles(roles: &RoleGroups) -> String {
    let count = |name: &str, groups: &[String]| match groups.len() {
        0 => None,
        1 => Some(format!("{name} by 1 group")),
        several => Some(format!("{name} by {several} groups")),
    };
    let told = [
        count("administrator", &roles.administrator),
        count("operator", &roles.operator),
        count("viewer", &roles.viewer),
        count("person", &roles.person).or_else(|| Some("every user as person".to_owned())),
    ];
    told.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn finding(subject: &str, result: Result<String, String>) -> Finding {
    let ok = result.is_ok();
    Finding { subject: subject.to_owned(), ok, message: result.unwrap_or_else(|error| error) }
}
