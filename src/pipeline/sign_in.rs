//! Signing in by a connector's directory: the connection asks it in a child process, and the entry, read as the connector
//! reads it, tells which user that is.

use super::export;
use super::mapping::Mapper;
use crate::connectors::sign_in::{GroupsOf, SignInRequest, SignedIn};
use crate::connectors::{ConnectionError, ConnectionRequest};
use crate::document;
use crate::model::account::{Arrival, Origin};
use crate::model::as_of::AsOf;
use crate::model::entity_type::{self, EntityTypeDefinition, EntityTypeId, Represents};
use crate::model::sign_in_settings::DirectorySignIn;
use crate::model::{configuration, connector, resource};
use csv::StringRecord;
use diesel::pg::PgConnection;
use std::collections::HashMap;
use std::path::Path;

/// A directory that can be asked.
#[derive(Clone)]
pub struct Directory {
    settings: DirectorySignIn,
    request: ConnectionRequest,
    table: String,
    entity_type: EntityTypeDefinition,
    entity_type_id: EntityTypeId,
}

/// Why a directory can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The settings don't fit the connector.
    #[error("[sign_in.directory]: {0}")]
    Settings(String),
    /// The directory does not answer, or not as it should.
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    /// The database failed.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

impl Directory {
    /// The directory of the settings, as the connector's configuration in force reaches it.
    pub fn load(conn: &mut PgConnection, settings: &DirectorySignIn) -> Result<Self, SignInError> {
        let wrong = |message: String| SignInError::Settings(message);
        let name = &settings.connector;
        let connector =
            connector::by_name(conn, name)?.ok_or_else(|| wrong(format!("there is no connector {name:?}")))?;
        let stored = configuration::current(conn, &connector)?;
        let mut definition =
            document::connector(&stored.document).map_err(|errors| wrong(format!("connector {name:?}: {errors}")))?;
        let entity_type = entity_type_of(&definition.entity_types, settings).map_err(wrong)?.clone();
        let Some((connection, table)) = entity_type.source.parts() else {
            return Err(wrong(format!("the entity type {:?} is read from no table", entity_type.name)));
        };
        if settings.connection.as_deref().is_some_and(|wanted| wanted != connection) {
            return Err(wrong(format!(
                "the entity type {:?} is read by the connection {connection:?}",
                entity_type.name
            )));
        }
        let (connection, table) = (connection.to_owned(), table.to_owned());
        definition.connections.retain(|one| one.name == connection);
        let request = export::requests(&definition, &HashMap::new())?.into_iter().next();
        let request = request.ok_or_else(|| wrong(format!("there is no connection {connection:?}")))?;
        let ids = entity_type::ids(conn, connector.id)?;
        let id = ids.get(&entity_type.name).copied();
        let entity_type_id =
            id.ok_or_else(|| wrong(format!("the entity type {:?} is not stored", entity_type.name)))?;
        Ok(Self { settings: settings.clone(), request, table, entity_type, entity_type_id })
    }

    /// How it is reached.
    pub fn request(&self) -> &ConnectionRequest {
        &self.request
    }

    /// Whether it takes a name with a password.
    pub fn ask(&self, program: &Path, name: &str, password: String) -> Result<Option<SignedIn>, SignInError> {
        let groups = match &self.settings.group_base {
            Some(base) => GroupsOf::Search { base: base.clone(), filter: self.settings.group_filter.clone() },
            None => GroupsOf::Attribute(self.settings.group_attribute.clone()),
        };
        let wish = SignInRequest {
            table: self.table.clone(),
            filter: self.settings.filter.clone(),
            name: name.to_owned(),
            password,
            groups,
            wanted: self.settings.roles.all().cloned().collect(),
        };
        Ok(export::sign_in(program, &self.request, wish)?)
    }

    /// Who that is here, and what they may do; `None`: nothing.
    pub fn arrival(
        &self,
        conn: &mut PgConnection,
        name: &str,
        signed_in: &SignedIn,
    ) -> Result<Option<Arrival>, SignInError> {
        let person = self.person(conn, signed_in)?;
        let role = self.settings.roles.role(|group| signed_in.groups.iter().any(|own| own == group), person.is_some());
        Ok(role.map(|role| Arrival {
            origin: Origin::Directory,
            subject: format!("{}/{}", self.settings.connector, signed_in.id),
            name: name.to_owned(),
            role,
            person,
        }))
    }

    /// The user whom the resource of that entry feeds. What can't be mapped is nobody's.
    fn person(&self, conn: &mut PgConnection, signed_in: &SignedIn) -> Result<Option<i64>, SignInError> {
        let mapper = Mapper::new(&self.entity_type, &[], &signed_in.columns)
            .map_err(|error| SignInError::Settings(error.to_string()))?;
        let row = StringRecord::from(signed_in.row.clone());
        let Ok(Some(key)) = mapper.key(&row) else { return Ok(None) };
        let found = resource::by_key(conn, &AsOf::Now, self.entity_type_id.0, &key)?;
        Ok(found.and_then(|resource| resource.person_id))
    }
}

/// The entity type that the settings name, or the only one that represents users.
fn entity_type_of<'d>(
    entity_types: &'d [EntityTypeDefinition],
    settings: &DirectorySignIn,
) -> Result<&'d EntityTypeDefinition, String> {
    let mut users = entity_types.iter().filter(|one| one.represents == Represents::Users).filter(|one| {
        let connection = one.source.parts().map(|(connection, _)| connection);
        settings.connection.is_none() || settings.connection.as_deref() == connection
    });
    if let Some(name) = &settings.entity_type {
        return users.find(|one| one.name == *name).ok_or_else(|| {
            format!("connector {:?} has no entity type {name:?} that represents users", settings.connector)
        });
    }
    match (users.next(), users.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(format!("connector {:?} has no entity type that represents users", settings.connector)),
        _ => Err(format!(
            "connector {:?} has several entity types that represent users; name one as entity_type",
            settings.connector
        )),
    }
}
