//! What each table becomes: an entity type with its properties, and what it represents.

use super::columns::{self, Kind};
use super::facts::{ColumnFacts, Observed, TableFacts};
use super::keys::Key;
use super::links::Link;
use super::{Guess, figure, names, share};
use crate::model::entity_type::Represents;
use crate::model::property::ValueType;

/// An entity type that is proposed.
pub(super) struct TablePlan<'a> {
    /// The table's position.
    pub(super) at: usize,
    pub(super) facts: &'a TableFacts,
    pub(super) name: String,
    pub(super) represents: Represents,
    pub(super) why: String,
    pub(super) properties: Vec<PropertyPlan>,
    /// Profile field and property.
    pub(super) fields: Vec<(&'static str, String)>,
    /// Property, profile field, whether capitals don't matter, and why.
    pub(super) correlate: Vec<(String, &'static str, bool, String)>,
    /// The property that names a group.
    pub(super) group_name: Option<String>,
    /// Columns that nothing reads, and why.
    pub(super) unread: Vec<(String, String)>,
}

/// A property that is proposed.
pub(super) struct PropertyPlan {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) kind: Kind,
    pub(super) key: bool,
    pub(super) required: bool,
    pub(super) unique: bool,
    pub(super) evidence: String,
    pub(super) examples: Vec<String>,
}

/// Where its values come from.
pub(super) enum Origin {
    Column(String),
    Expression(String),
}

/// Every table that is not one of pairs.
pub(super) fn plan<'a>(observed: &'a Observed, keys: &[Key], links: &[Link]) -> Vec<TablePlan<'a>> {
    let of_pairs: Vec<usize> = links.iter().filter_map(Link::table_of_pairs).collect();
    let tables = observed.tables.iter().enumerate().zip(keys).filter(|((at, _), _)| !of_pairs.contains(at));
    let mut plans = Vec::new();
    let mut taken = Vec::new();
    for ((at, facts), key) in tables {
        let name = names::property(&facts.name, &taken);
        taken.push(name.clone());
        plans.push(TablePlan::new(at, facts, name, key, links));
    }
    // What users are linked to by the many is a group, whatever it is called.
    let users: Vec<usize> =
        plans.iter().filter(|plan| plan.represents == Represents::Users).map(|plan| plan.at).collect();
    for plan in plans.iter_mut().filter(|plan| plan.represents == Represents::Nothing) {
        let joined = links.iter().any(|link| {
            !link.cardinality.is_single_valued()
                && link.is_whole
                && (link.from == plan.at && link.to.iter().all(|to| users.contains(to))
                    || link.to == [plan.at] && users.contains(&link.from))
        });
        if joined {
            plan.be_groups("many users are linked to each");
        }
    }
    plans
}

impl<'a> TablePlan<'a> {
    fn new(at: usize, facts: &'a TableFacts, name: String, key: &Key, links: &[Link]) -> Self {
        let mut plan = Self {
            at,
            facts,
            name,
            represents: Represents::Nothing,
            why: String::new(),
            properties: Vec::new(),
            fields: Vec::new(),
            correlate: Vec::new(),
            group_name: None,
            unread: Vec::new(),
        };
        let is_free = |column: &&ColumnFacts| {
            column.filled > 0 && column.several == 0 && !links.iter().any(|link| link.takes(at, &column.name))
        };
        let fields = profile_fields(facts, &is_free);
        plan.decide(&fields);
        let fields = if plan.represents == Represents::Users { fields } else { Vec::new() };
        if key.column.is_none() {
            plan.add_composite(&key.evidence);
        }
        for (position, column) in facts.columns.iter().enumerate() {
            let is_key = key.column == Some(position);
            let matched = links
                .iter()
                .any(|link| link.is_whole && link.to.contains(&at) && link.matches.as_ref() == Some(&column.name));
            if !is_key && !matched && links.iter().any(|link| link.takes(at, &column.name)) {
                plan.unread.push((column.name.clone(), "an association reads it".to_owned()));
                continue;
            }
            if column.filled == 0 && !is_key && facts.rows > 0 {
                plan.unread.push((column.name.clone(), "it never has a value".to_owned()));
                continue;
            }
            let field = fields.iter().find(|(_, found, _)| found.name == column.name);
            plan.add(column, is_key, matched, field.map(|(field, _, why)| (*field, why.as_str())), &key.evidence);
        }
        plan.finish();
        plan
    }

    fn decide(&mut self, fields: &[(&'static str, &ColumnFacts, String)]) {
        let telling = ["given_name", "family_name", "mail", "user_name", "display_name"];
        let told: Vec<&str> = fields
            .iter()
            .filter(|(field, ..)| telling.contains(field))
            .map(|(_, column, _)| column.name.as_str())
            .collect();
        let named = told.iter().filter(|name| names::bare(name) != "name").count();
        let table = &self.facts.name;
        if names::is_of_groups(table) && told.len() < 3 {
            self.be_groups("by its name");
        } else if names::is_of_organizations(table) && told.len() < 3 {
            self.represents = Represents::Organizations;
            self.why = "by its name".to_owned();
        } else if named >= 2 || (!told.is_empty() && names::is_of_users(table)) {
            self.represents = Represents::Users;
            self.why = format!("it has {}", told.join(", "));
        }
    }

    fn be_groups(&mut self, why: &str) {
        self.represents = Represents::Groups;
        self.why = why.to_owned();
        self.name_group();
    }

    /// The group is called after the likeliest property, or its key.
    fn name_group(&mut self) {
        let column_of = |property: &PropertyPlan| match &property.origin {
            Origin::Column(column) => names::bare(column),
            Origin::Expression(_) => String::new(),
        };
        let likely = ["name", "displayname", "title", "cn", "groupname", "description"];
        let plain = |property: &&mut PropertyPlan| {
            property.kind.several.is_none() && property.kind.value_type == ValueType::Text
        };
        let called = likely.iter().find_map(|wanted| {
            self.properties.iter().position(|one| column_of(one).ends_with(wanted) && one.kind.several.is_none())
        });
        let at = called.or_else(|| self.properties.iter().position(|property| property.key));
        if let Some(property) = at.and_then(|at| self.properties.get_mut(at)).filter(plain) {
            self.group_name = Some(property.name.clone());
        } else if let Some(property) = self.properties.iter().find(|property| property.key) {
            self.group_name = Some(property.name.clone());
        }
    }

    fn add(
        &mut self,
        column: &ColumnFacts,
        is_key: bool,
        matched: bool,
        field: Option<(&'static str, &str)>,
        why_key: &str,
    ) {
        let taken: Vec<String> = self.properties.iter().map(|property| property.name.clone()).collect();
        let name = names::property(&column.name, &taken);
        let kind = match field {
            Some(("photo", _)) => Kind { value_type: ValueType::Binary, ..Kind::default() },
            _ if is_key || matched || field.is_some() => columns::as_text(column),
            _ => columns::kind(column),
        };
        let rows = self.facts.rows;
        let is_unique = column.distinct == column.filled && column.filled > 0 && kind.several.is_none();
        let is_login = field.is_some_and(|(field, _)| field == "user_name");
        let mut evidence: Vec<String> = Vec::new();
        if is_key {
            evidence.push(why_key.to_owned());
        }
        if !kind.evidence.is_empty() {
            evidence.push(kind.evidence.clone());
        }
        if let Some((field, why)) = field {
            evidence.push(format!("profile field {field}, {why}"));
            self.fields.push((field, name.clone()));
            let correlates = match field {
                "employee_id" | "user_name" => is_unique,
                "mail" => column.folded == column.filled,
                _ => false,
            };
            if correlates {
                let why = format!("{} are different", share(column.filled, column.filled, "values"));
                self.correlate.push((name.clone(), field, field != "employee_id", why));
            }
        }
        if column.filled < rows && !is_key {
            evidence.push(format!("empty in {} of {} rows", figure(rows - column.filled), figure(rows)));
        }
        let is_full = column.filled == rows && rows > 0;
        self.properties.push(PropertyPlan {
            required: is_full
                && !is_key
                && field.is_some_and(|(field, _)| ["user_name", "family_name"].contains(&field)),
            unique: !is_key && is_unique && (matched || is_login),
            name,
            origin: Origin::Column(column.name.clone()),
            kind,
            key: is_key,
            evidence: evidence.join("; "),
            examples: column.examples.clone(),
        });
    }

    fn add_composite(&mut self, evidence: &str) {
        let is_filled = |one: &&ColumnFacts| one.filled > 0;
        let filled = self.facts.columns.iter().filter(is_filled).count();
        let columns = self.facts.columns.iter().filter(|one| filled == 0 || is_filled(one));
        let parts: Vec<String> = columns.take(20).map(|one| column_in_cel(&one.name)).collect();
        self.properties.push(PropertyPlan {
            name: "key".to_owned(),
            origin: Origin::Expression(parts.join(" + '|' + ")),
            kind: Kind::default(),
            key: true,
            required: false,
            unique: false,
            evidence: evidence.to_owned(),
            examples: Vec::new(),
        });
    }

    /// A name to show, where the source has its parts only.
    fn finish(&mut self) {
        if self.represents == Represents::Groups {
            self.name_group();
        }
        let has = |field: &str| self.fields.iter().any(|(known, _)| *known == field);
        if self.represents != Represents::Users || has("display_name") || !has("given_name") || !has("family_name") {
            return;
        }
        let column = |field: &str| {
            let (_, name) = self.fields.iter().find(|(known, _)| *known == field)?;
            let property = self.properties.iter().find(|property| property.name == *name)?;
            match &property.origin {
                Origin::Column(column) => Some(column_in_cel(column)),
                Origin::Expression(_) => None,
            }
        };
        let (Some(given), Some(family)) = (column("given_name"), column("family_name")) else { return };
        let taken: Vec<String> = self.properties.iter().map(|property| property.name.clone()).collect();
        let name = names::property("display_name", &taken);
        self.fields.push(("display_name", name.clone()));
        self.properties.push(PropertyPlan {
            name,
            origin: Origin::Expression(format!("trim({given} + ' ' + {family})")),
            kind: Kind::default(),
            key: false,
            required: false,
            unique: false,
            evidence: "profile field display_name, put together from the two names".to_owned(),
            examples: Vec::new(),
        });
    }

    /// For pages.
    pub(super) fn guesses(&self) -> Vec<Guess> {
        let table = &self.facts.name;
        let rows = match self.facts.complete {
            true => format!("{} rows", figure(self.facts.rows)),
            false => format!("the first {} rows", figure(self.facts.rows)),
        };
        let evidence = if self.why.is_empty() { rows } else { format!("{}; {rows}", self.why) };
        let mut guesses = vec![Guess {
            subject: table.clone(),
            says: format!("represents {}", self.represents.as_str()),
            evidence,
            examples: Vec::new(),
        }];
        for property in &self.properties {
            let subject = match &property.origin {
                Origin::Column(column) => format!("{table}.{column}"),
                Origin::Expression(_) => format!("{table}, {}", property.name),
            };
            let mut says = property.kind.says();
            for (holds, word) in [(property.key, "key"), (property.required, "required"), (property.unique, "unique")] {
                if holds {
                    says = format!("{says}, {word}");
                }
            }
            let examples = property.examples.clone();
            guesses.push(Guess { subject, says, evidence: property.evidence.clone(), examples });
        }
        for (column, why) in &self.unread {
            let (subject, says) = (format!("{table}.{column}"), "no property".to_owned());
            guesses.push(Guess { subject, says, evidence: why.clone(), examples: Vec::new() });
        }
        guesses
    }
}

/// The columns of a table that are fields of a profile: by name, and where no name tells, by what the values look like.
fn profile_fields<'a>(
    table: &'a TableFacts,
    is_free: &dyn Fn(&&ColumnFacts) -> bool,
) -> Vec<(&'static str, &'a ColumnFacts, String)> {
    let mut found: Vec<(&'static str, &ColumnFacts, String)> = Vec::new();
    for (field, called) in names::FIELDS {
        let column = called.iter().find_map(|name| {
            table.columns.iter().filter(|one| is_free(one)).find(|one| {
                names::bare(&one.name) == *name && !found.iter().any(|(_, known, _)| known.name == one.name)
            })
        });
        // User names tell persons apart.
        let column = column.filter(|one| *field != "user_name" || one.folded == one.filled);
        if let Some(column) = column {
            found.push((field, column, "by its name".to_owned()));
        }
    }
    for (field, count, what) in [
        ("mail", (|one: &ColumnFacts| one.mails) as fn(&ColumnFacts) -> u64, "values are addresses of mail"),
        ("phone", |one: &ColumnFacts| one.phones, "values look like numbers of telephones"),
    ] {
        if found.iter().any(|(known, ..)| *known == field) {
            continue;
        }
        let looks = table.columns.iter().filter(|one| is_free(one)).find(|one| {
            count(one) * 20 >= one.filled * 19
                && one.filled * 2 >= table.rows
                && !found.iter().any(|(_, known, _)| known.name == one.name)
        });
        if let Some(column) = looks {
            found.push((field, column, share(count(column), column.filled, what)));
        }
    }
    found
}

/// `row["Given Name"]`.
fn column_in_cel(name: &str) -> String {
    format!("row[\"{}\"]", name.replace('\\', "\\\\").replace('"', "\\\""))
}
