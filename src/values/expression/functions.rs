//! The functions of this trade that expressions can call, as `upper(x)` or `x.upper()`.
//!
//! Nearly all of them take text and give text; empty text gives empty text. `split` gives the values of a text that holds
//! several, `join` makes one text of a list.

use crate::values::format::split_values;
use crate::values::identifier::parse_guid;
use crate::values::moment::{Notation, Pattern, Reading, write_day};
use crate::values::rdn::first_rdn;
use crate::values::text::{self, shorten};
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelNull, CelString, CelUInt};
use cel::common::value::{CowVal, Val};
use cel::parser::Macro;
use cel::{Context, Env, ExecutionError, FunctionContext};
use chrono::{NaiveDate, NaiveTime};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// CEL's standard library and our functions; the same for all expressions.
pub(super) static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

/// Names of our functions.
pub(super) const FUNCTIONS: [&str; 15] = [
    "upper",
    "lower",
    "title",
    "trim",
    "simplify",
    "remove_diacritics",
    "soundex",
    "first_name",
    "parse_date",
    "format_date",
    "parse_guid",
    "rdn",
    "concat",
    SPLIT,
    JOIN,
];

/// `split(text)`, `split(text, separator)`: the values of a text that holds several.
pub(super) const SPLIT: &str = "split";

/// `join(list, separator)`: the texts of a list that are not empty, as one text.
pub(super) const JOIN: &str = "join";

/// The most values that `split` gives: so many rounds a macro over them may take.
pub(super) const MOST_VALUES: usize = 100;

/// Not a function but a spelling of `? :`.
pub(super) const WHEN: &str = "when";

pub(super) struct Engine {
    pub(super) env: Arc<Env>,
    pub(super) context: Context<'static, 'static>,
}

/// As CEL calls them.
type Function =
    Box<dyn for<'c, 'v> Fn(&mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError> + Send + Sync>;

impl Engine {
    fn new() -> Self {
        let mut env = Env::stdlib().with_optional_support(false);
        // a macro of ours can only clash with one of the same name and number of arguments: there is none
        let added = env.add_macro(when(3)).and_then(|()| env.add_macro(when(2)));
        debug_assert!(added.is_ok());

        let env = Arc::new(env);
        let mut context = Context::with_env(env.clone());
        let functions: [(&str, Function); FUNCTIONS.len()] = [
            ("upper", of_text(|text| Ok(Cow::Owned(text.to_uppercase())))),
            ("lower", of_text(|text| Ok(Cow::Owned(text.to_lowercase())))),
            ("title", of_text(|text| Ok(Cow::Owned(text::title(text))))),
            ("trim", of_text(|text| Ok(Cow::Borrowed(text.trim())))),
            ("simplify", of_text(|text| Ok(Cow::Owned(text::simplify(text))))),
            ("remove_diacritics", of_text(|text| Ok(Cow::Owned(text::remove_diacritics(text))))),
            ("soundex", of_text(|text| Ok(Cow::Owned(text::soundex(text))))),
            ("first_name", of_text(|text| Ok(Cow::Borrowed(text::first_name(text))))),
            ("parse_guid", of_text(guid)),
            ("rdn", of_text(rdn)),
            ("parse_date", of_text_and_pattern(parse_date)),
            ("format_date", of_text_and_pattern(format_date)),
            ("concat", Box::new(|call| concat(&arguments(call)))),
            (SPLIT, Box::new(split)),
            (JOIN, Box::new(join)),
        ];
        for (name, function) in functions {
            // likewise: the standard library has none of these names
            let added = context.add_function(name, function);
            debug_assert!(added.is_ok(), "{name}");
        }
        Self { env, context }
    }
}

/// `when(condition, then, else)` is `condition ? then : else`, so only one side is evaluated; without `else`, empty
/// text.
fn when(arguments: usize) -> Macro {
    Macro::global(WHEN, arguments, |helper, _, arguments| {
        let mut arguments = std::mem::take(arguments);
        if arguments.len() == 2 {
            arguments.push(helper.next_expr(Expr::Literal(LiteralValue::String("".into()))));
        }
        let call = CallExpr { func_name: operators::CONDITIONAL.to_owned(), target: None, args: arguments };
        Ok(Some(helper.next_expr(Expr::Call(call))))
    })
}

fn arguments<'c, 'v>(call: &mut FunctionContext<'c, 'v>) -> Vec<CowVal<'c, 'v>> {
    call.this.take().into_iter().chain(std::mem::take(&mut call.args)).collect()
}

/// A function of one text. What it borrows from a text of the record stays borrowed from the record.
fn of_text(apply: for<'t> fn(&'t str) -> Result<Cow<'t, str>, String>) -> Function {
    Box::new(move |call| {
        let [argument] = &arguments(call)[..] else {
            return Err(call.error(format!("{}(text) takes one text", call.name)));
        };
        let text = text_of(&**argument).map_err(|message| call.error(message))?;
        let result = match text {
            Cow::Borrowed(text) => apply(text),
            Cow::Owned(text) => apply(&text).map(|result| Cow::Owned(result.into_owned())),
        };
        result.map(|text| CowVal::owned(CelString::from(text))).map_err(|message| call.error(message))
    })
}

/// A function of a text and a date pattern.
fn of_text_and_pattern(apply: fn(&str, &str) -> Result<String, String>) -> Function {
    Box::new(move |call| {
        let [text, pattern] = &arguments(call)[..] else {
            return Err(call.error(format!("{}(text, pattern) takes a text and a pattern", call.name)));
        };
        let text = text_of(&**text).map_err(|message| call.error(message))?;
        let pattern = text_of(&**pattern).map_err(|message| call.error(message))?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(CowVal::owned(CelString::from("")));
        }
        apply(text, &pattern).map(|text| CowVal::owned(CelString::from(text))).map_err(|message| call.error(message))
    })
}

/// The text of an argument: numbers and bools as they are written, null as empty text.
fn text_of<'v>(value: &(dyn Val + 'v)) -> Result<Cow<'v, str>, String> {
    Ok(if let Some(text) = value.downcast_ref::<CelString>() {
        match text.as_borrowed() {
            Some(borrowed) => Cow::Borrowed(borrowed),
            None => Cow::Owned(text.inner().to_owned()),
        }
    } else if let Some(integer) = value.downcast_ref::<CelInt>() {
        Cow::Owned(integer.inner().to_string())
    } else if let Some(integer) = value.downcast_ref::<CelUInt>() {
        Cow::Owned(integer.inner().to_string())
    } else if let Some(number) = value.downcast_ref::<CelDouble>() {
        Cow::Owned(number.inner().to_string())
    } else if let Some(value) = value.downcast_ref::<CelBool>() {
        Cow::Borrowed(if *value.inner() { "true" } else { "false" })
    } else if value.downcast_ref::<CelNull>().is_some() {
        Cow::Borrowed("")
    } else {
        return Err(format!("takes text, not {}", value.get_type().name()));
    })
}

/// All arguments, one after the other.
fn concat<'c, 'v>(arguments: &[CowVal<'c, 'v>]) -> Result<CowVal<'c, 'v>, ExecutionError> {
    let mut joined = String::new();
    for argument in arguments {
        joined.push_str(&text_of(&**argument).map_err(|message| ExecutionError::function_error("concat", message))?);
    }
    Ok(CowVal::owned(CelString::from(joined)))
}

/// The values of a text, trimmed, empty ones left out. Without a separator: what an export writes between the values of an
/// attribute that has several.
fn split<'c, 'v>(call: &mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError> {
    let arguments = arguments(call);
    let (text, separator) = match &arguments[..] {
        [text] => (text, None),
        [text, separator] => (text, Some(text_of(&**separator).map_err(|message| call.error(message))?)),
        _ => {
            return Err(
                call.error(format!("{SPLIT}(text, separator) takes a text and, if it is another, its separator"))
            );
        }
    };
    let text = text_of(&**text).map_err(|message| call.error(message))?;
    let value = |value: &str| Box::new(CelString::from(value.to_owned())) as Box<dyn Val + 'v>;
    let values: Vec<_> = split_values(&text, separator.as_deref()).take(MOST_VALUES + 1).map(value).collect();
    match values.len() {
        0..=MOST_VALUES => Ok(CowVal::owned(CelList::from(values))),
        _ => Err(call.error(format!("the text holds more than {MOST_VALUES} values, the most an expression takes"))),
    }
}

fn join<'c, 'v>(call: &mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError> {
    let arguments = arguments(call);
    let [list, separator] = &arguments[..] else {
        return Err(call.error(format!("{JOIN}(list, separator) takes a list and a text")));
    };
    let Some(list) = list.downcast_ref::<CelList>() else {
        return Err(call.error(format!("{JOIN}(list, separator) takes a list, not {}", list.get_type().name())));
    };
    let separator = text_of(&**separator).map_err(|message| call.error(message))?;
    let mut joined = String::new();
    for item in list.inner() {
        let text = text_of(&**item).map_err(|message| call.error(message))?;
        if !joined.is_empty() && !text.is_empty() {
            joined.push_str(&separator);
        }
        joined.push_str(&text);
    }
    Ok(CowVal::owned(CelString::from(joined)))
}

fn guid(text: &str) -> Result<Cow<'_, str>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    parse_guid(text).map(Cow::Owned).ok_or_else(|| format!("'{}' is not a GUID", shorten(text, SHOWN)))
}

fn rdn(text: &str) -> Result<Cow<'_, str>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    first_rdn(text).ok_or_else(|| format!("'{}' is not a distinguished name", shorten(text, SHOWN)))
}

/// `parse_date(text, pattern)`: the day, as `YYYY-MM-DD`. The patterns are those of a property's `format`.
fn parse_date(text: &str, pattern: &str) -> Result<String, String> {
    let notation = match pattern {
        "1601" => Notation::Filetime,
        "generalized" => Notation::Generalized,
        pattern => Notation::Pattern(Pattern::new(pattern)?),
    };
    match notation.read(text) {
        Some(Reading::Never) => Ok(String::new()),
        Some(Reading::Local(clock)) => Ok(write_day(clock.date())),
        Some(Reading::At(moment)) => Ok(write_day(moment.date_naive())),
        None => Err(format!("'{}' is not a date in {}", shorten(text, SHOWN), notation.describe())),
    }
}

/// `format_date(text, pattern)`: a day or a moment (RFC 3339), written by a pattern; moments in UTC.
fn format_date(text: &str, pattern: &str) -> Result<String, String> {
    let day = || text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let moment = match Notation::Rfc3339.read(text) {
        Some(Reading::At(moment)) => Ok(moment),
        Some(Reading::Local(clock)) => Ok(clock.and_utc()),
        _ => day().map_err(|_| {
            format!("'{}' is not a date as in 2026-11-20 (parse_date reads others)", shorten(text, SHOWN))
        }),
    };
    let pattern = Pattern::new(pattern)?;
    pattern.write(moment?).ok_or_else(|| format!("'{}' can't be written", pattern.as_str()))
}

/// The most characters of a value in a message.
const SHOWN: usize = 60;
