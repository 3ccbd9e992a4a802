//! What a directory says about its attributes: the subschema (RFC 4512 4.1.2, 4.2).

use super::session::Session;
use crate::connectors::ConnectionError;
use std::collections::HashMap;

/// The attribute types of a directory, by each of their names and by OID, in lower case.
#[derive(Default)]
pub struct Schema {
    types: HashMap<String, AttributeType>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct AttributeType {
    oid: String,
    names: Vec<String>,
    superior: Option<String>,
    syntax: Option<String>,
    single_value: bool,
}

/// Superior types are few; more of them are a circle.
const MAX_SUPERIORS: usize = 16;

/// Syntaxes by the last number of `1.3.6.1.4.1.1466.115.121.1.*` (RFC 4517), and others by their whole OID.
const SYNTAXES: &[(&str, &str)] = &[
    ("1.3.6.1.4.1.1466.115.121.1.3", "Attribute Type Description"),
    ("1.3.6.1.4.1.1466.115.121.1.5", "Binary"),
    ("1.3.6.1.4.1.1466.115.121.1.6", "Bit String"),
    ("1.3.6.1.4.1.1466.115.121.1.7", "Boolean"),
    ("1.3.6.1.4.1.1466.115.121.1.8", "Certificate"),
    ("1.3.6.1.4.1.1466.115.121.1.11", "Country String"),
    ("1.3.6.1.4.1.1466.115.121.1.12", "DN"),
    ("1.3.6.1.4.1.1466.115.121.1.15", "Directory String"),
    ("1.3.6.1.4.1.1466.115.121.1.22", "Facsimile Telephone Number"),
    ("1.3.6.1.4.1.1466.115.121.1.24", "Generalized Time"),
    ("1.3.6.1.4.1.1466.115.121.1.26", "IA5 String"),
    ("1.3.6.1.4.1.1466.115.121.1.27", "Integer"),
    ("1.3.6.1.4.1.1466.115.121.1.28", "JPEG"),
    ("1.3.6.1.4.1.1466.115.121.1.34", "Name and Optional UID"),
    ("1.3.6.1.4.1.1466.115.121.1.36", "Numeric String"),
    ("1.3.6.1.4.1.1466.115.121.1.38", "OID"),
    ("1.3.6.1.4.1.1466.115.121.1.40", "Octet String"),
    ("1.3.6.1.4.1.1466.115.121.1.41", "Postal Address"),
    ("1.3.6.1.4.1.1466.115.121.1.44", "Printable String"),
    ("1.3.6.1.4.1.1466.115.121.1.50", "Telephone Number"),
    ("1.3.6.1.4.1.1466.115.121.1.53", "UTC Time"),
    ("1.3.6.1.1.16.1", "UUID"),
    ("1.2.840.113556.1.4.903", "DN with Binary"),
    ("1.2.840.113556.1.4.905", "Case Ignore String"),
    ("1.2.840.113556.1.4.906", "Large Integer"),
    ("1.2.840.113556.1.4.907", "Security Descriptor"),
];

impl Schema {
    /// Reads it where the root DSE says it is; empty where it says nothing, or this account may not read it.
    pub async fn read(session: &Session) -> Result<Self, ConnectionError> {
        let root = session.read("", &["subschemaSubentry"]).await?;
        let place = root.and_then(|root| values(root.attributes, "subschemaSubentry").into_iter().next());
        let Some(place) = place else { return Ok(Self::default()) };
        let subschema = session.read(&place, &["attributeTypes"]).await?;
        let descriptions = subschema.map(|entry| values(entry.attributes, "attributeTypes")).unwrap_or_default();
        Ok(Self::parse(descriptions.iter().map(String::as_str)))
    }

    /// Reads attribute type descriptions; what can't be read is left out.
    pub fn parse<'a>(descriptions: impl Iterator<Item = &'a str>) -> Self {
        let mut types = HashMap::new();
        for described in descriptions.filter_map(attribute_type) {
            let names = described.names.iter().chain([&described.oid]).map(|name| name.to_ascii_lowercase());
            types.extend(names.map(|name| (name, described.clone())).collect::<Vec<_>>());
        }
        Self { types }
    }

    /// The name of the attribute's syntax, or its OID.
    pub fn syntax(&self, attribute: &str) -> Option<String> {
        let oid = self.line(attribute).find_map(|described| described.syntax.as_deref())?;
        let known = SYNTAXES.iter().find(|(known, _)| *known == oid);
        Some(known.map_or(oid, |(_, name)| name).to_owned())
    }

    /// Whether an entry may have several values of it; `None` if the schema does not say.
    pub fn is_multivalued(&self, attribute: &str) -> Option<bool> {
        self.line(attribute).next().map(|described| !described.single_value)
    }

    /// Whether `found` is `asked` by another name, or a kind of it.
    pub fn is_a(&self, found: &str, asked: &str) -> bool {
        let Some(asked) = self.line(asked).next() else { return false };
        self.line(found).any(|described| described.oid == asked.oid)
    }

    /// The attribute's type, the type above it, and so on. Options play no part.
    fn line(&self, attribute: &str) -> impl Iterator<Item = &AttributeType> {
        let base = attribute.split(';').next().unwrap_or_default();
        let find = |name: &str| self.types.get(&name.to_ascii_lowercase());
        std::iter::successors(find(base), move |described| find(described.superior.as_deref()?)).take(MAX_SUPERIORS)
    }
}

/// All values of an attribute that are text.
pub fn values(attributes: Vec<(String, Vec<Vec<u8>>)>, name: &str) -> Vec<String> {
    let found = attributes.into_iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    found.flat_map(|(_, values)| values).filter_map(|value| String::from_utf8(value).ok()).collect()
}

/// `( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name SYNTAX 1.3…{32768} SINGLE-VALUE )`
fn attribute_type(description: &str) -> Option<AttributeType> {
    let mut words = Words(description);
    if words.next()? != "(" {
        return None;
    }
    let mut described = AttributeType { oid: words.next()?.to_owned(), ..AttributeType::default() };
    while let Some(word) = words.next() {
        match word {
            "NAME" => described.names = words.list(),
            "SUP" => described.superior = words.list().into_iter().next(),
            "SYNTAX" => described.syntax = words.list().first().map(|oid| without_length(oid)),
            "SINGLE-VALUE" => described.single_value = true,
            _ => {}
        }
    }
    Some(described)
}

fn without_length(syntax: &str) -> String {
    syntax.split('{').next().unwrap_or(syntax).to_owned()
}

/// Words, quoted strings and parentheses of a description.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let (word, rest) = match text.chars().next()? {
            '(' | ')' => text.split_at(1),
            '\'' => text[1..].split_once('\'')?,
            _ => text.split_at(text.find([' ', '(', ')']).unwrap_or(text.len())),
        };
        self.0 = rest;
        Some(word)
    }
}

impl Words<'_> {
    /// One word, or several in parentheses.
    fn list(&mut self) -> Vec<String> {
        match self.next() {
            Some("(") => self.take_while(|word| *word != ")").filter(|word| *word != "$").map(str::to_owned).collect(),
            word => word.map(str::to_owned).into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_types_are_read_with_what_they_inherit() {
        let schema = Schema::parse(
            [
                "( 2.5.4.41 NAME 'name' DESC 'RFC4519: common (supertype) of names' EQUALITY caseIgnoreMatch SYNTAX \
                 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
                "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )",
                "( 1.3.6.1.1.16.4 NAME 'entryUUID' SYNTAX 1.3.6.1.1.16.1 SINGLE-VALUE NO-USER-MODIFICATION USAGE \
                 directoryOperation )",
                "( 1.2.3 NAME 'circle' SUP circle )",
                "broken",
                "( 'unclosed",
            ]
            .into_iter(),
        );
        assert_eq!(schema.syntax("commonName;lang-de").as_deref(), Some("Directory String"));
        assert_eq!(schema.syntax("entryuuid").as_deref(), Some("UUID"));
        assert_eq!(schema.syntax("circle"), None);
        assert_eq!(schema.is_multivalued("CN"), Some(true));
        assert_eq!(schema.is_multivalued("entryUUID"), Some(false));
        assert_eq!(schema.is_multivalued("unheard-of"), None);
        assert!(schema.is_a("cn", "commonName") && schema.is_a("cn", "name") && schema.is_a("cn", "2.5.4.3"));
        assert!(!schema.is_a("name", "cn") && !schema.is_a("entryUUID", "cn"));
    }
}
