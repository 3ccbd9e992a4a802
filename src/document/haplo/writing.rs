//! The document, written out with the comments that say where it does something else than the control file.

use super::note::Note;
use super::properties::{Origin, Property};
use super::readers::{File, Read};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

/// What the document is made of.
pub(super) struct Parts<'p> {
    pub(super) name: &'p str,
    pub(super) files: &'p [File],
    pub(super) users: Vec<Users>,
    /// Codes of groups with the expressions of their keys.
    pub(super) groups: Vec<(String, String)>,
    pub(super) links: Vec<Link>,
    pub(super) notes: &'p [Note],
}

/// An entity type that represents users: those of one file.
pub(super) struct Users {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) properties: Vec<Property>,
    /// Profile field → property.
    pub(super) fields: Vec<(String, String)>,
}

/// An association from users.
pub(super) struct Link {
    pub(super) name: String,
    pub(super) comment: Option<String>,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) expression: String,
    pub(super) many: bool,
    pub(super) membership: bool,
}

/// The connection that the files of a feed come by.
const CONNECTION: &str = "feed";

const HEAD: &str = "\
# Made from a Haplo control file by `muster import haplo`.
#
# There, a field acts only on a value that is not empty, and leaves the user as the run before had left it. Here every
# record is worked out from nothing, in every run: what no record sets any more is gone. A column without a value and one
# that is not there are the same, for if-exists as well. JSON's false is the text \"false\", and acts.
# A bad record (no key, a required value missing, a bad mail address or date) is a problem; what is stored of it stays.
# Records with the same user name are all rejected, where there the first one counts.
";

/// Writes the document.
pub(super) fn write(parts: &Parts<'_>) -> String {
    let mut document = DocumentMut::new();
    document.insert("name", value(parts.name));
    let mut head = HEAD.to_owned();
    if !parts.notes.is_empty() {
        head.push_str("#\n# Not translated:\n");
        for note in parts.notes {
            head.push_str(&format!("#   {}: {}\n", commented(&note.path), commented(&note.message)));
        }
    }
    head.push('\n');
    if let Some(mut key) = document.key_mut("name") {
        key.leaf_decor_mut().set_prefix(head);
    }
    document.insert("connection", Item::ArrayOfTables(std::iter::once(connection(parts.files)).collect()));
    let users = parts.users.iter().map(entity_type_of_users);
    let table = parts.files.first().map_or("", |file| file.name.as_str());
    let groups = parts.groups.iter().map(|(code, key)| entity_type_of_group(code, key, table));
    document.insert("entity_type", Item::ArrayOfTables(users.chain(groups).collect()));
    if !parts.links.is_empty() {
        document.insert("association", Item::ArrayOfTables(parts.links.iter().map(association).collect()));
    }
    document.to_string()
}

/// A control character in a comment would be no TOML.
fn commented(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn connection(files: &[File]) -> Table {
    let mut connection = begin("\n");
    put(&mut connection, "", "name", CONNECTION.into());
    put(&mut connection, "", "kind", "files".into());
    put(&mut connection, "", "upload", true.into());
    put(&mut connection, "", "auto_apply", true.into());
    let tables: ArrayOfTables = files.iter().map(table).collect();
    connection.insert("table", Item::ArrayOfTables(tables));
    connection
}

fn table(file: &File) -> Table {
    let mut table = begin("\n  ");
    put(&mut table, "  ", "name", file.name.as_str().into());
    match &file.read {
        Read::Json { single_record } => {
            put(&mut table, "  ", "format", "json".into());
            if *single_record {
                put(&mut table, "  ", "single_record", true.into());
            }
        }
        Read::Xml { single_record, attributes } => {
            put(&mut table, "  ", "format", "xml".into());
            match single_record {
                true => put(&mut table, "  ", "single_record", true.into()),
                false => put(&mut table, "  ", "record", "*".into()),
            }
            if *attributes {
                put(&mut table, "  ", "values", "attributes".into());
            }
        }
        Read::Lines { encoding, separator } => {
            put(&mut table, "  ", "format", "tsv".into());
            if separator != "\t" {
                put(&mut table, "  ", "separator", separator.as_str().into());
            }
            put(&mut table, "  ", "quotes", false.into());
            if encoding != "utf-8" {
                put(&mut table, "  ", "encoding", encoding.as_str().into());
            }
        }
    }
    table
}

fn entity_type_of_users(of: &Users) -> Table {
    let mut entity_type = begin("\n");
    put(&mut entity_type, "", "name", of.name.as_str().into());
    put(&mut entity_type, "", "source", format!("{CONNECTION}.{}", of.file).into());
    put(&mut entity_type, "", "represents", "users".into());
    entity_type.insert("property", Item::ArrayOfTables(of.properties.iter().map(property).collect()));

    let mut users = begin("\n  ");
    let mut rule = InlineTable::new();
    rule.insert("property", "username".into());
    rule.insert("field", "user_name".into());
    rule.insert("ignore_case", true.into());
    put(&mut users, "  ", "correlate", Array::from_iter([rule]).into());
    put(&mut users, "  ", "on_missing", "block".into());
    put(&mut users, "  ", "on_return", "by_run".into());
    let mut fields = begin("\n    ");
    for (field, property) in &of.fields {
        put(&mut fields, "    ", field, property.as_str().into());
    }
    users.insert("fields", Item::Table(fields));
    entity_type.insert("users", Item::Table(users));
    entity_type
}

fn property(of: &Property) -> Table {
    let above = of.comment.as_ref().map_or(String::new(), |comment| format!("  # {}\n", commented(comment)));
    let mut property = begin(&format!("\n{above}  "));
    let mut put = |key: &str, item: toml_edit::Value| self::put(&mut property, "  ", key, item);
    put("name", of.name.as_str().into());
    match &of.origin {
        Origin::Column(column) => put("column", column.as_str().into()),
        Origin::Constant(constant) => put("constant", constant.as_str().into()),
        Origin::Expression(expression) => put("expression", expression.as_str().into()),
    }
    for (key, is_set) in [("key", of.key), ("required", of.required), ("multivalued", of.multivalued)] {
        if is_set {
            put(key, true.into());
        }
    }
    if let Some(value_type) = of.value_type {
        put("type", value_type.into());
    }
    if let Some(format) = &of.format {
        put("format", format.as_str().into());
    }
    for (key, word) in [("true_values", &of.true_value), ("false_values", &of.false_value)] {
        if let Some(word) = word {
            put(key, Array::from_iter([word.as_str()]).into());
        }
    }
    if let Some(pattern) = of.pattern {
        put("pattern", pattern.into());
    }
    if !of.values.is_empty() {
        let mut values = begin("\n    ");
        for (from, to) in &of.values {
            self::put(&mut values, "    ", from, to.as_str().into());
        }
        property.insert("values", Item::Table(values));
    }
    property
}

fn entity_type_of_group(code: &str, key: &str, table: &str) -> Table {
    let mut entity_type =
        begin("\n# A managed group: there as soon as the feed has a record, and one however many it has.\n");
    put(&mut entity_type, "", "name", code.into());
    put(&mut entity_type, "", "source", format!("{CONNECTION}.{table}").into());
    put(&mut entity_type, "", "represents", "groups".into());
    let of_code = Property {
        name: "code".to_owned(),
        origin: Origin::Expression(key.to_owned()),
        key: true,
        ..Property::default()
    };
    let properties: ArrayOfTables = std::iter::once(property(&of_code)).collect();
    entity_type.insert("property", Item::ArrayOfTables(properties));
    let mut groups = begin("\n  # profile_type and past_profile_type may stand here\n  ");
    put(&mut groups, "  ", "name", "code".into());
    entity_type.insert("groups", Item::Table(groups));
    entity_type
}

fn association(of: &Link) -> Table {
    let above = of.comment.as_ref().map_or(String::new(), |comment| format!("# {}\n", commented(comment)));
    let mut association = begin(&format!("\n{above}"));
    put(&mut association, "", "name", of.name.as_str().into());
    put(&mut association, "", "from", of.from.as_str().into());
    match &of.to[..] {
        [to] => put(&mut association, "", "to", to.as_str().into()),
        several => put(&mut association, "", "to", several.iter().map(String::as_str).collect::<Array>().into()),
    }
    put(&mut association, "", "expression", of.expression.as_str().into());
    put(&mut association, "", "cardinality", if of.many { "many_to_many" } else { "many_to_one" }.into());
    if of.membership {
        put(&mut association, "", "membership", true.into());
    }
    association
}

/// A table with what stands before its header.
fn begin(before: &str) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix(before);
    table
}

fn put(table: &mut Table, indent: &str, key: &str, item: toml_edit::Value) {
    table.insert(key, Item::Value(item));
    if let Some(mut key) = table.key_mut(key) {
        key.leaf_decor_mut().set_prefix(indent);
    }
}
