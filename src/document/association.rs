//! `[[association]]`: a link between two entity types.

use super::entity_type::{no_property, source_table};
use super::limits;
use super::name::{self, NameOf, Unique};
use super::property::check_expression;
use super::section::{Section, hint};
use crate::model::association::{AssociationDefinition, Cardinality, OneOrMany};
use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::Represents;
use crate::model::guard::Subject;
use crate::model::property::PropertyDefinition;
use crate::values::expression::Expression;

const CARDINALITY: [(&str, Cardinality); 4] = [
    ("one_to_one", Cardinality::OneToOne),
    ("many_to_one", Cardinality::ManyToOne),
    ("one_to_many", Cardinality::OneToMany),
    ("many_to_many", Cardinality::ManyToMany),
];

/// All associations of a connector; its connections and entity types are known already.
pub(super) fn read_all(root: &Section<'_, '_>, connector: &mut ConnectorDefinition) {
    let mut unique = Unique::default();
    for section in root.sections("association", "[[association]]") {
        let association = read(&section, connector);
        unique.check(&section, &association.name);
        connector.associations.push(association);
    }
}

fn read(section: &Section<'_, '_>, connector: &ConnectorDefinition) -> AssociationDefinition {
    let association = AssociationDefinition {
        name: name::read(section, NameOf::Anything),
        display_name: section.text("display_name"),
        from: section.required_text("from"),
        to: to(section),
        column: section.text("column"),
        expression: section.text("expression"),
        source: section.has("source").then(|| source_table(section, "source", connector)),
        from_column: section.text("from_column"),
        to_column: section.text("to_column"),
        match_property: section.text("match"),
        separator: section.text("separator"),
        cardinality: section.word("cardinality", &CARDINALITY).unwrap_or_default(),
        membership: section.flag("membership", false),
        thresholds: limits::own_thresholds(section, "[association.thresholds]", Subject::Links),
    };
    section.item("source");
    section.close();
    check_pairs(section, &association);
    check_ends(section, &association, connector);
    association
}

fn to(section: &Section<'_, '_>) -> OneOrMany {
    match section.item("to") {
        Some(item) if item.is_array() => {
            let names = section.texts("to");
            if names.is_empty() {
                section.error_at("to", "to names no entity type; write at least one");
            }
            if let Some(twice) = (1..names.len()).find(|position| names[..*position].contains(&names[*position])) {
                section.error_at_element("to", twice, format!("{:?} stands there twice; take one out", names[twice]));
            }
            OneOrMany::Many(names)
        }
        _ => OneOrMany::One(section.required_text("to")),
    }
}

fn check_pairs(section: &Section<'_, '_>, association: &AssociationDefinition) {
    let of_pairs = ["source", "from_column", "to_column"];
    let has_column = section.has("column");
    let own = ["column", "expression"].into_iter().find(|key| section.has(key));
    if let Some(expression) = &association.expression {
        check_expression(section, "expression", expression);
        if has_column {
            section.error_at("expression", "column and expression exclude one another; keep one of them");
        }
    }
    match (own, of_pairs.into_iter().find(|key| section.has(key))) {
        (None, None) => section.error(format!(
            "the association {:?} has no pairs; write column, expression, or source with from_column and to_column",
            association.name
        )),
        (Some(own), Some(key)) => section.error_at(
            key,
            format!("{own} and {key} exclude one another: write {own}, or source with from_column and to_column"),
        ),
        (None, Some(_)) => {
            if let Some(missing) = of_pairs.into_iter().find(|key| !section.has(key)) {
                section
                    .error(format!("a table of pairs needs source, from_column and to_column; {missing} is missing"));
            }
        }
        (Some(_), None) => {}
    }
    if let Some(separator) = &association.separator {
        if !has_column {
            section.error_at("separator", "separator means something only with column; take it out");
        } else if association.cardinality.is_single_valued() {
            section.error_at(
                "separator",
                format!("{separator:?} separates several values, but the cardinality allows one; write many_to_many"),
            );
        }
    }
}

fn check_ends(section: &Section<'_, '_>, association: &AssociationDefinition, connector: &ConnectorDefinition) {
    let missing = |name: &str| {
        let names = connector.entity_types.iter().map(|entity_type| entity_type.name.as_str());
        format!("there is no entity type {name:?}; {}", hint(name, names))
    };
    let from = connector.entity_type(&association.from);
    if from.is_none() && !association.from.is_empty() {
        section.error_at("from", missing(&association.from));
    }
    if let (Some(from), Some(column)) = (from, &association.column)
        && !association.cardinality.is_single_valued()
        && from.key().is_some_and(|key| !is_column(key))
    {
        section.error_at(
            "column",
            format!(
                "{column:?} may hold several values, which needs a key that is a column; {:?} computes its key",
                from.name
            ),
        );
    }
    let mut ends = Vec::new();
    for (position, name) in association.to.names().enumerate().filter(|(_, name)| !name.is_empty()) {
        let Some(end) = connector.entity_type(name) else {
            section.error_at_element("to", position, missing(name));
            continue;
        };
        ends.push(end);
        let Some(match_name) = &association.match_property else { continue };
        match end.property(match_name) {
            None => section.error_at("match", no_property(match_name, end)),
            Some(property) if !property.unique && !property.key => section.error_at(
                "match",
                format!("the property {match_name:?} of {name:?} is not unique, so it can't find one resource; give it unique = true"),
            ),
            Some(_) => {}
        }
    }
    if let (true, Some(from)) = (association.membership, from) {
        let all = |wanted: &[Represents]| ends.iter().all(|end| wanted.contains(&end.represents));
        let fits = match from.represents {
            Represents::Groups => all(&[Represents::Users, Represents::Groups]),
            Represents::Users => all(&[Represents::Groups]),
            _ => false,
        };
        if !fits {
            section.error_at(
                "membership",
                "a membership goes from groups to users or groups, or from users to groups; these ends represent something else",
            );
        }
    }
}

/// Whether a property is read from a column as it stands.
fn is_column(property: &PropertyDefinition) -> bool {
    let plain = |source: &String| Expression::compile(source).is_ok_and(|one| one.plain_column().is_some());
    property.column.is_some() || property.expression.as_ref().is_some_and(plain)
}
