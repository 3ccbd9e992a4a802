//! What an expression does, told from its syntax: the columns it reads, names that do not exist, and how much it can
//! cost at most.

use super::functions::{FUNCTIONS, JOIN, MOST_VALUES, SPLIT, WHEN};
use super::{ExpressionError, LONGEST_VALUE};
use crate::values::text::closest;
use cel::Program;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use std::collections::BTreeSet;

/// The columns of `row` that an expression reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// These, sorted.
    Named(BTreeSet<String>),
    /// It can't be told: the name of a column is computed.
    All,
}

pub(super) struct Inspected {
    pub(super) columns: Columns,
    pub(super) plain_column: Option<String>,
}

/// The deepest syntax tree: evaluating recurses on the caller's stack.
const DEEPEST: usize = 64;

/// The most steps one evaluation may take.
const MOST_STEPS: u64 = 10_000;

/// A text counts as so many parts: one that is split has no more in all its values together than it had itself.
const PARTS: u64 = MOST_VALUES as u64;

/// The most texts (columns, literals) that what an evaluation builds may be put together from, in parts: nothing grows past
/// so many times the longest column.
const MOST_TEXTS: u64 = 256 * PARTS;

/// CEL's standard functions that take part here. All are deterministic.
pub(super) const STANDARD: [&str; 25] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "uint",
    "string",
    "timestamp",
    "type",
    "size",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
];

/// What the parser writes out, if it is called as it must be.
const MACROS: [&str; 7] = ["has", "all", "exists", "exists_one", "map", "filter", WHEN];

/// Names of types, which are values too: `type(x) == string`.
const TYPES: [&str; 14] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "uint",
    "string",
    "timestamp",
    "type",
    "list",
    "map",
    "null_type",
    "google",
];

/// Checks names and bounds, and finds the columns.
pub(super) fn inspect(source: &str, program: &Program, record: &'static str) -> Result<Inspected, ExpressionError> {
    let mut inspector = Inspector {
        source,
        record,
        places: program.source_info(),
        columns: BTreeSet::new(),
        all_columns: false,
        variables: Vec::new(),
        depth: 0,
    };
    let root = program.expression();
    let cost = inspector.visit(root)?;
    if cost.steps > MOST_STEPS || cost.texts > MOST_TEXTS {
        let message =
            "it could take too much work for one record; use fewer or shorter lists in map, filter, exists and all";
        return Err(inspector.error(root, message.to_owned()));
    }
    let plain_column = match &root.expr {
        Expr::Select(select) if !select.test && matches!(&select.operand.expr, Expr::Ident(name) if name == record) => {
            Some(select.field.clone())
        }
        Expr::Call(call) => column_of_index(call, record).map(str::to_owned),
        _ => None,
    };
    let columns = if inspector.all_columns { Columns::All } else { Columns::Named(inspector.columns) };
    Ok(Inspected { columns, plain_column })
}

/// An upper bound of what evaluating a part costs, and of what it gives.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// Nodes evaluated.
    steps: u64,
    /// Texts that the value is put together from, in parts.
    texts: u64,
    /// Of the largest element at any level, where the value is a list; of a text that was split, what each value has of it
    /// if all have the same.
    element: u64,
    /// The longest list at any level.
    items: u64,
    /// Whether lists stand in a list.
    nested: bool,
}

impl Cost {
    /// A text.
    const TEXT: Self = Self { steps: 1, texts: PARTS, element: PARTS, items: 0, nested: false };

    /// A text that stands in the expression, which can't be as long as a column's.
    fn literal(text: &str) -> Self {
        let parts = (text.len() as u64 * PARTS).div_ceil(LONGEST_VALUE as u64).max(1);
        Self { texts: parts, element: parts, ..Self::TEXT }
    }

    /// Both of them, evaluated one after the other and put together.
    fn with(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            texts: self.texts.saturating_add(other.texts),
            element: self.element.max(other.element),
            items: self.items.saturating_add(other.items),
            nested: self.nested || other.nested,
        }
    }

    /// One step more.
    fn stepped(self) -> Self {
        Self { steps: self.steps.saturating_add(1), ..self }
    }

    /// The same work for a text.
    fn giving_text(self) -> Self {
        Self { steps: self.steps, texts: self.texts, element: self.texts, ..Self::default() }
    }

    /// The same work for a number or a bool.
    fn giving_scalar(self) -> Self {
        Self { steps: self.steps, ..Self::default() }
    }
}

struct Inspector<'e> {
    source: &'e str,
    /// The name of the variable that holds the record.
    record: &'static str,
    places: &'e SourceInfo,
    columns: BTreeSet<String>,
    all_columns: bool,
    /// Variables of the macros around, innermost last, with what their values are put together from.
    variables: Vec<(&'e str, Cost)>,
    depth: usize,
}

impl<'e> Inspector<'e> {
    fn visit(&mut self, node: &'e IdedExpr) -> Result<Cost, ExpressionError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("is nested too deeply; at most {DEEPEST} levels, a chain of operators counted too");
            return Err(self.error(node, message));
        }
        let cost = self.visit_inner(node)?;
        self.depth -= 1;
        Ok(cost.stepped())
    }

    fn visit_inner(&mut self, node: &'e IdedExpr) -> Result<Cost, ExpressionError> {
        match &node.expr {
            Expr::Literal(LiteralValue::String(text)) => Ok(Cost::literal(text.inner())),
            Expr::Literal(LiteralValue::Bytes(_)) => Ok(Cost::TEXT),
            Expr::Literal(_) => Ok(Cost::default()),
            Expr::Ident(name) => self.visit_name(node, name),
            Expr::Select(select) => {
                if self.is_row(&select.operand) {
                    self.columns.insert(select.field.clone());
                    return Ok(Cost::TEXT);
                }
                let cost = self.visit(&select.operand)?;
                Ok(if select.test { cost.giving_scalar() } else { cost })
            }
            Expr::Call(call) => self.visit_call(node, call),
            Expr::List(list) => {
                let mut cost = Cost::default();
                let mut element = 0;
                let mut nested = false;
                for item in &list.elements {
                    let item = self.visit(item)?;
                    element = element.max(item.texts);
                    nested |= item.items > 0;
                    cost = Cost { items: cost.items.max(item.items), ..cost.with(item) };
                }
                let own = u64::try_from(list.elements.len()).unwrap_or(u64::MAX);
                let nested = nested || cost.nested;
                Ok(Cost { items: cost.items.max(own), element: cost.element.max(element), nested, ..cost })
            }
            Expr::Map(map) => {
                let mut cost = Cost::default();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return Err(self.error(node, "can't be read".to_owned()));
                    };
                    cost = cost.with(self.visit(&entry.key)?).with(self.visit(&entry.value)?);
                }
                let own = u64::try_from(map.entries.len()).unwrap_or(u64::MAX);
                let nested = cost.items > 0;
                Ok(Cost { items: cost.items.max(own), element: cost.texts, nested, ..cost })
            }
            Expr::Comprehension(comprehension) => self.visit_comprehension(comprehension),
            Expr::Struct(_) => Err(self.error(node, "messages can't be used here".to_owned())),
            Expr::Unspecified => Err(self.error(node, "can't be read".to_owned())),
        }
    }

    fn visit_name(&mut self, node: &'e IdedExpr, name: &'e str) -> Result<Cost, ExpressionError> {
        if let Some((_, cost)) = self.variables.iter().rev().find(|(variable, _)| *variable == name) {
            return Ok(*cost);
        }
        if name == self.record {
            self.all_columns = true;
            return Ok(Cost::TEXT);
        }
        if TYPES.contains(&name) {
            return Ok(Cost::default());
        }
        Err(self
            .error(node, format!("'{name}' is unknown; a column is written {}.{name}, a text in quotes", self.record)))
    }

    fn visit_call(&mut self, node: &'e IdedExpr, call: &'e CallExpr) -> Result<Cost, ExpressionError> {
        if let Some(column) = column_of_index(call, self.record).filter(|_| !self.shadowed(self.record)) {
            self.columns.insert(column.to_owned());
            return Ok(Cost::TEXT);
        }
        let name = call.func_name.as_str();
        let is_operator = !name.starts_with(|first: char| first.is_alphabetic());
        if !is_operator && !FUNCTIONS.contains(&name) && !STANDARD.contains(&name) {
            return Err(self.error(node, unknown_function(name)));
        }
        let mut cost = Cost::default();
        let mut last = cost;
        for part in call.target.as_deref().into_iter().chain(&call.args) {
            last = self.visit(part)?;
            cost = cost.with(last);
        }
        Ok(match name {
            SPLIT => Cost { items: MOST_VALUES as u64, element: cost.texts.div_ceil(PARTS), ..cost.giving_text() },
            // the separator stands between all of them
            JOIN => {
                let texts = cost.texts.saturating_add(cost.items.saturating_mul(last.texts));
                Cost { texts, ..cost }.giving_text()
            }
            operators::INDEX => Cost { texts: cost.texts.max(cost.element), ..cost },
            operators::ADD | operators::CONDITIONAL | "dyn" | "string" | "bytes" => cost,
            name if FUNCTIONS.contains(&name) => cost.giving_text(),
            // everything else gives a number, a bool, a moment or a type
            _ => cost.giving_scalar(),
        })
    }

    /// A macro: `list.map(x, …)` and the like, as the parser has written it out.
    fn visit_comprehension(&mut self, comprehension: &'e ComprehensionExpr) -> Result<Cost, ExpressionError> {
        let range = self.visit(&comprehension.iter_range)?;
        let rounds = range.items.max(1);
        let start = self.visit(&comprehension.accu_init)?;

        let element = if range.element == 0 { PARTS } else { range.element };
        let items = if range.nested { range.items } else { 0 };
        let variable = Cost { steps: 0, texts: element, element, items, nested: range.nested };
        self.variables.push((&comprehension.iter_var, variable));
        // the step adds to what is gathered; what it adds counts once a round, below
        self.variables.push((&comprehension.accu_var, Cost::default()));
        let round = self.visit(&comprehension.loop_cond)?.with(self.visit(&comprehension.loop_step)?);
        self.variables.pop();

        let gathered = Cost {
            steps: 0,
            texts: start.texts.saturating_add(rounds.saturating_mul(round.texts)),
            element: start.element.max(round.element).max(round.texts),
            items: start.items.saturating_add(rounds.saturating_mul(round.items.max(1))),
            nested: start.nested || round.nested,
        };
        self.variables.push((&comprehension.accu_var, gathered));
        let result = self.visit(&comprehension.result)?;
        self.variables.truncate(self.variables.len() - 2);

        let steps = range.steps.saturating_add(start.steps).saturating_add(rounds.saturating_mul(round.steps));
        Ok(Cost { steps: steps.saturating_add(result.steps), ..result })
    }

    fn is_row(&self, node: &IdedExpr) -> bool {
        matches!(&node.expr, Expr::Ident(name) if name == self.record) && !self.shadowed(self.record)
    }

    fn shadowed(&self, name: &str) -> bool {
        self.variables.iter().any(|(variable, _)| *variable == name)
    }

    fn error(&self, node: &IdedExpr, message: String) -> ExpressionError {
        // in bytes; the place of a call is its bracket
        let start = self.places.offset_for(node.id).map_or(0, |(start, _)| start as usize);
        let before = self.source.get(..start).unwrap_or_default();
        let before = match &node.expr {
            Expr::Call(call) => before.strip_suffix(&call.func_name).unwrap_or(before),
            _ => before,
        };
        ExpressionError {
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|&letter| letter != '\n').count() + 1,
            message,
        }
    }
}

/// The column of `row["Given Name"]`.
fn column_of_index<'c>(call: &'c CallExpr, record: &str) -> Option<&'c str> {
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::INDEX, [row, index]) => match (&row.expr, &index.expr) {
            (Expr::Ident(name), Expr::Literal(LiteralValue::String(column))) if name == record => Some(column.inner()),
            _ => None,
        },
        _ => None,
    }
}

fn unknown_function(name: &str) -> String {
    if MACROS.contains(&name) {
        return format!("{name} is not called like that; as in {}", example_of_macro(name));
    }
    let known = FUNCTIONS.iter().chain(&STANDARD).chain(&MACROS).copied();
    match closest(name, known.clone()).as_slice() {
        [] => format!("there is no function '{name}'; there are {}", known.collect::<Vec<_>>().join(", ")),
        near => format!("there is no function '{name}'; did you mean {}?", near.join(" or ")),
    }
}

fn example_of_macro(name: &str) -> String {
    match name {
        "has" => "has(row.Column)".to_owned(),
        WHEN => "when(row.Sex == 'f', 'Ms', 'Mr')".to_owned(),
        name => format!("[row.A, row.B].{name}(x, x != '')"),
    }
}
