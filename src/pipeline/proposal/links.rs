//! Associations: columns, or tables of pairs, whose values are keys of another table.

use super::facts::{ColumnFacts, Holding, Observed, TableFacts};
use super::keys::Key;
use super::notation::NOTATIONS;
use super::tables::TablePlan;
use super::{Guess, figure, names};
use crate::model::association::Cardinality;
use crate::model::entity_type::Represents;
use crate::model::property::ValueType;

/// An association that is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) name: String,
    /// Positions of tables.
    pub(super) from: usize,
    pub(super) to: Vec<usize>,
    pub(super) pairs: Pairs,
    /// The column of the `to` end that is held, where it is not the key's.
    pub(super) matches: Option<String>,
    pub(super) cardinality: Cardinality,
    pub(super) membership: bool,
    /// Whether every value leads somewhere; otherwise it is proposed as a comment.
    pub(super) is_whole: bool,
    pub(super) evidence: String,
}

/// Where the pairs stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pairs {
    /// In a column of the `from` end, maybe several in a row.
    Column { column: String, separator: Option<String> },
    /// In a table of their own, at this position.
    Table { table: usize, name: String, from_column: String, to_column: String },
}

impl Link {
    /// Whether it takes a column of a table, which then needs no property.
    pub(super) fn takes(&self, table: usize, name: &str) -> bool {
        self.is_whole && self.from == table && matches!(&self.pairs, Pairs::Column { column, .. } if column == name)
    }

    /// For pages.
    pub(super) fn guess(&self, plans: &[TablePlan<'_>]) -> Guess {
        let title = |at: &usize| plans.iter().find(|plan| plan.at == *at).map(|plan| plan.name.clone());
        let to: Vec<String> = self.to.iter().filter_map(title).collect();
        let says = format!("{} → {}", title(&self.from).unwrap_or_default(), to.join(", "));
        let says = if self.membership { format!("{says}, memberships") } else { says };
        let says = if self.is_whole { says } else { format!("{says} (as a comment)") };
        Guess {
            subject: format!("association {}", self.name),
            says,
            evidence: self.evidence.clone(),
            examples: Vec::new(),
        }
    }
}

/// All that the data supports.
pub(super) fn of(observed: &Observed, keys: &[Key]) -> Vec<Link> {
    let known = Known { observed, keys };
    let mut links: Vec<Link> = Vec::new();
    for (at, table) in observed.tables.iter().enumerate() {
        if let Some(link) = known.pairs(at, table, &taken(&links)) {
            links.push(link);
        }
    }
    let of_pairs: Vec<usize> = links.iter().filter_map(Link::table_of_pairs).collect();
    links.retain(|link| !of_pairs.contains(&link.from) && link.to.iter().all(|to| !of_pairs.contains(to)));
    let of_pairs: Vec<usize> = links.iter().filter_map(Link::table_of_pairs).collect();
    for (at, table) in observed.tables.iter().enumerate().filter(|(at, _)| !of_pairs.contains(at)) {
        for (position, column) in table.columns.iter().enumerate() {
            if keys.get(at).is_none_or(|key| key.column == Some(position)) {
                continue;
            }
            if let Some(link) = known.column(at, table, column, &of_pairs, &taken(&links)) {
                let is_back =
                    links.iter().any(|other| link.to == [other.from] && other.to == [link.from] && at != other.from);
                if !(is_back && column.distinct == column.filled) {
                    links.push(link);
                }
            }
        }
    }
    // A name beside a key that leads to the same table says nothing more.
    let by_key: Vec<(usize, Vec<usize>)> =
        links.iter().filter(|link| link.matches.is_none()).map(|link| (link.from, link.to.clone())).collect();
    links.retain(|link| {
        link.matches.is_none()
            || !link.cardinality.is_single_valued()
            || !by_key.contains(&(link.from, link.to.clone()))
    });
    links
}

fn taken(links: &[Link]) -> Vec<String> {
    links.iter().map(|link| link.name.clone()).collect()
}

impl Link {
    /// The table that is nothing but pairs.
    pub(super) fn table_of_pairs(&self) -> Option<usize> {
        match &self.pairs {
            Pairs::Table { table, .. } => Some(*table),
            Pairs::Column { .. } => None,
        }
    }
}

/// With those that decide who is in a group.
pub(super) fn with_memberships(mut links: Vec<Link>, plans: &[TablePlan<'_>]) -> Vec<Link> {
    let represents = |at: usize| plans.iter().find(|plan| plan.at == at).map(|plan| plan.represents);
    for link in &mut links {
        let ends: Vec<Option<Represents>> = link.to.iter().map(|to| represents(*to)).collect();
        let is_many = !link.cardinality.is_single_valued();
        link.membership = is_many
            && match represents(link.from) {
                Some(Represents::Groups) => {
                    ends.iter().all(|end| matches!(end, Some(Represents::Users | Represents::Groups)))
                }
                Some(Represents::Users) => ends.iter().all(|end| *end == Some(Represents::Groups)),
                _ => false,
            };
    }
    links
}

struct Known<'a> {
    observed: &'a Observed,
    keys: &'a [Key],
}

impl Known<'_> {
    fn table(&self, name: &str) -> Option<usize> {
        self.observed.tables.iter().position(|table| table.name == name)
    }

    fn key_of(&self, table: usize) -> Option<&str> {
        let column = self.keys.get(table)?.column?;
        Some(&self.observed.tables.get(table)?.columns.get(column)?.name)
    }

    fn holdings<'s>(&'s self, table: &'s str, column: &'s str) -> impl Iterator<Item = (&'s Holding, usize, bool)> {
        let own = self.observed.holdings.iter().filter(move |one| one.from.0 == table && one.from.1 == column);
        own.filter_map(|one| {
            let to = self.table(&one.to.0)?;
            Some((one, to, self.key_of(to) == Some(one.to.1.as_str())))
        })
    }

    /// A table that is nothing but pairs: two columns hold keys of other tables, and nothing tells its rows apart.
    fn pairs(&self, at: usize, table: &TableFacts, taken: &[String]) -> Option<Link> {
        let key = self.keys.get(at)?;
        if table.rows == 0 || (key.is_perfect && table.columns.len() != 2) {
            return None;
        }
        let mut ends = Vec::new();
        for column in &table.columns {
            let mut to_keys = self
                .holdings(&table.name, &column.name)
                .filter(|(one, to, is_key)| *is_key && *to != at && one.separator.is_none() && self.is_told_apart(*to));
            if let Some((holding, to, _)) = to_keys.next() {
                ends.push((column.name.clone(), holding, to));
            }
        }
        let [(from_column, from_holding, from), (to_column, to_holding, to), ..] = &ends[..] else { return None };
        let lost = (from_holding.values - from_holding.found) + (to_holding.values - to_holding.found);
        let lost = match lost {
            0 => String::new(),
            lost => format!("; {} of them are not there and will be problems", figure(lost)),
        };
        Some(Link {
            name: names::property(&table.name, taken),
            from: *from,
            to: vec![*to],
            matches: None,
            cardinality: Cardinality::ManyToMany,
            membership: false,
            is_whole: true,
            evidence: format!(
                "{} different values of {from_column} are keys of {}, {} of {to_column} are keys of {}{lost}",
                figure(from_holding.found),
                from_holding.to.0,
                figure(to_holding.found),
                to_holding.to.0
            ),
            pairs: Pairs::Table {
                table: at,
                name: table.name.clone(),
                from_column: from_column.clone(),
                to_column: to_column.clone(),
            },
        })
    }

    /// Its keys are a column, without an exception: otherwise what refers to it might not find it.
    fn is_told_apart(&self, table: usize) -> bool {
        self.keys.get(table).is_some_and(|key| key.column.is_some())
    }

    fn column(
        &self,
        at: usize,
        table: &TableFacts,
        column: &ColumnFacts,
        of_pairs: &[usize],
        taken: &[String],
    ) -> Option<Link> {
        let mut fitting: Vec<(&Holding, usize, bool)> = self
            .holdings(&table.name, &column.name)
            .filter(|(_, to, _)| !of_pairs.contains(to) && self.is_told_apart(*to))
            .filter(|(one, to, is_key)| self.is_plausible(at, column, one, *to, *is_key))
            .collect();
        // Keys before other columns, then what is called alike, then what holds more.
        fitting.sort_by_key(|(one, to, is_key)| {
            let alike = names::leads_to(&column.name, &one.to.0, self.key_of(*to).unwrap_or_default());
            (std::cmp::Reverse(one.found), !*is_key, !alike)
        });
        let (first, to, is_key) = *fitting.first()?;
        let mut ends = vec![to];
        let mut found = first.found;
        if first.found < first.values {
            // A member may be a user or a group: each is found in one of several tables, by a column of the same name.
            for (other, to, _) in fitting.iter().skip(1) {
                if !ends.contains(to) && other.to.1 == first.to.1 && found + other.found <= first.values {
                    ends.push(*to);
                    found += other.found;
                }
            }
        }
        let is_whole = found == first.values;
        if !is_whole && found * 10 < first.values * 9 {
            return None;
        }
        // A list needs a key that is a column: it leaves the export as pairs.
        if first.separator.is_some() && !self.is_told_apart(at) {
            return None;
        }
        let ends_words: Vec<&str> =
            ends.iter().filter_map(|to| self.observed.tables.get(*to)).map(|table| table.name.as_str()).collect();
        let share = super::share(found, first.values, "different values");
        let lost = if is_whole { "" } else { "; the others would be problems" };
        Some(Link {
            name: names::association(&column.name, taken),
            from: at,
            matches: (!is_key).then(|| first.to.1.clone()),
            cardinality: if first.separator.is_some() { Cardinality::ManyToMany } else { Cardinality::ManyToOne },
            membership: false,
            is_whole,
            evidence: format!("{share} are in {}.{}{lost}", ends_words.join(" or "), first.to.1),
            pairs: Pairs::Column {
                column: column.name.clone(),
                separator: first.separator.clone().filter(|separator| !separator.is_empty()),
            },
            to: ends,
        })
    }

    /// Small numbers are in many columns by chance, and a column beside the key often says the same.
    fn is_plausible(&self, at: usize, column: &ColumnFacts, holding: &Holding, to: usize, is_key: bool) -> bool {
        let Some(target) = self.observed.tables.get(to) else { return false };
        let alike = names::leads_to(&column.name, &target.name, self.key_of(to).unwrap_or_default());
        let is_date = column.notations.iter().any(|(notation, fits, _)| {
            *fits == column.filled
                && NOTATIONS
                    .get(*notation)
                    .is_some_and(|one| matches!(one.value_type, ValueType::Date | ValueType::Datetime))
        });
        let says_itself =
            holding.separator.is_none() && to == at && column.distinct == column.filled && column.filled == target.rows;
        let is_small = column.longest <= 4;
        !is_date
            && !says_itself
            && (is_key || holding.separator.as_deref() == Some("") || (alike && column.mails == 0))
            && (alike || (!is_small && holding.values >= 3))
    }
}
