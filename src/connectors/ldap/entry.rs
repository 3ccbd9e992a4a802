//! One entry as the server sent it. ldap3's own construction panics on malformed ones.

use ldap3::asn1::{PL, StructureTag, TagClass};

/// SearchResultEntry (RFC 4511 4.5.2).
#[derive(Debug)]
pub struct Entry {
    /// Its distinguished name.
    pub dn: String,
    /// Attribute descriptions, options included, with their values in the server's order.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// An entry that breaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent an entry that breaks the LDAP protocol")]
pub struct MalformedEntry;

const SEARCH_RESULT_ENTRY: u64 = 4;

/// Takes an entry apart.
pub fn parse(tag: StructureTag) -> Result<Entry, MalformedEntry> {
    if tag.class != TagClass::Application || tag.id != SEARCH_RESULT_ENTRY {
        return Err(MalformedEntry);
    }
    let [name, attributes] = children(tag)?;
    let dn = text(name)?;
    let attributes = sequence(attributes)?.into_iter().map(attribute).collect::<Result<_, _>>()?;
    Ok(Entry { dn, attributes })
}

fn attribute(tag: StructureTag) -> Result<(String, Vec<Vec<u8>>), MalformedEntry> {
    let [description, values] = children(tag)?;
    let values = sequence(values)?.into_iter().map(bytes).collect::<Result<_, _>>()?;
    Ok((text(description)?, values))
}

fn children<const N: usize>(tag: StructureTag) -> Result<[StructureTag; N], MalformedEntry> {
    sequence(tag)?.try_into().map_err(|_| MalformedEntry)
}

fn sequence(tag: StructureTag) -> Result<Vec<StructureTag>, MalformedEntry> {
    match tag.payload {
        PL::C(inner) => Ok(inner),
        PL::P(_) => Err(MalformedEntry),
    }
}

fn bytes(tag: StructureTag) -> Result<Vec<u8>, MalformedEntry> {
    match tag.payload {
        PL::P(content) => Ok(content),
        PL::C(_) => Err(MalformedEntry),
    }
}

fn text(tag: StructureTag) -> Result<String, MalformedEntry> {
    String::from_utf8(bytes(tag)?).map_err(|_| MalformedEntry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primitive(content: &[u8]) -> StructureTag {
        StructureTag { class: TagClass::Universal, id: 4, payload: PL::P(content.to_vec()) }
    }

    fn constructed(inner: Vec<StructureTag>) -> StructureTag {
        StructureTag { class: TagClass::Universal, id: 16, payload: PL::C(inner) }
    }

    fn entry(inner: Vec<StructureTag>) -> StructureTag {
        StructureTag { class: TagClass::Application, id: 4, payload: PL::C(inner) }
    }

    #[test]
    fn an_entry_is_taken_apart() {
        let cn = constructed(vec![primitive(b"cn"), constructed(vec![primitive(b"Ada"), primitive(b"\xff")])]);
        let parsed = parse(entry(vec![primitive("cn=Åda".as_bytes()), constructed(vec![cn])])).unwrap();
        assert_eq!(parsed.dn, "cn=Åda");
        assert_eq!(parsed.attributes, [("cn".to_owned(), vec![b"Ada".to_vec(), vec![0xff]])]);
    }

    #[test]
    fn whatever_is_no_entry_is_refused() {
        let nothing = || constructed(vec![]);
        let broken = [
            nothing(),
            entry(vec![]),
            entry(vec![primitive(b"cn=a")]),
            entry(vec![nothing(), nothing()]),
            entry(vec![primitive(b"\xff"), nothing()]),
            entry(vec![primitive(b"cn=a"), primitive(b"")]),
            entry(vec![primitive(b"cn=a"), constructed(vec![nothing()])]),
            entry(vec![primitive(b"cn=a"), constructed(vec![constructed(vec![primitive(b"cn"), primitive(b"x")])])]),
            entry(vec![primitive(b"cn=a"), nothing(), nothing()]),
        ];
        for tag in broken {
            assert_eq!(parse(tag).err(), Some(MalformedEntry));
        }
    }
}
