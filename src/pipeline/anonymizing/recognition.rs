//! By what persons and their records are found again: the profile fields that connectors correlate by, and the properties
//! by which associations refer to records of users. All configurations in use say it.

use super::AnonymizeError;
use crate::document;
use crate::model::{configuration, connector, entity_type};
use diesel::pg::PgConnection;
use std::collections::BTreeSet;

/// What is looked at.
pub(super) struct Recognition {
    /// Profile fields that any connector correlates by.
    pub(super) fields: BTreeSet<String>,
    /// Properties by which any association matches, each with its entity type.
    pub(super) properties: BTreeSet<(i32, String)>,
}

impl Recognition {
    /// As of now.
    pub(super) fn load(conn: &mut PgConnection) -> Result<Self, AnonymizeError> {
        let (mut fields, mut properties) = (BTreeSet::new(), BTreeSet::new());
        for connector in connector::list(conn)? {
            let text = configuration::current(conn, &connector)?.document;
            let definition = document::connector(&text).map_err(|error| AnonymizeError::Configuration {
                connector: connector.name.clone(),
                message: error.to_string(),
            })?;
            let ids = entity_type::ids(conn, connector.id)?;
            for association in &definition.associations {
                let Some(property) = &association.match_property else { continue };
                let ends = association.to.names().filter_map(|name| ids.get(name));
                properties.extend(ends.map(|id| (id.0, property.clone())));
            }
            let users = definition.entity_types.into_iter().filter_map(|one| one.users);
            fields.extend(users.flat_map(|users| users.correlate).map(|rule| rule.field));
        }
        Ok(Self { fields, properties })
    }
}
