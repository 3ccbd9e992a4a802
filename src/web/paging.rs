//! Keyset paging: a cursor is the sort key and id of the last row seen, opaque in the address.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Rows on a page.
pub const PAGE: usize = 50;

/// After which row a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The sort key of the last row.
    pub key: String,
    /// Its id, which decides between equal keys.
    pub id: i64,
}

impl Cursor {
    /// As text for an address.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{}", self.id, self.key))
    }

    /// From an address; nonsense begins at the first page.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (id, key) = text.split_once(':')?;
        if key.contains('\0') {
            return None;
        }
        Some(Self { key: key.to_owned(), id: id.parse().ok()? })
    }
}

/// One page of rows and the way on.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// At most [`PAGE`] rows.
    pub rows: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// From one row more than a page holds: the surplus says that there is a next page.
    pub fn new(mut rows: Vec<T>, cursor: impl Fn(&T) -> Cursor) -> Self {
        let more = rows.len() > PAGE;
        rows.truncate(PAGE);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_address() {
        let cursor = Cursor { key: "garcía:núñez".into(), id: -4 };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        assert_eq!(Cursor::decode("%%%"), None);
        assert_eq!(Cursor::decode(&URL_SAFE_NO_PAD.encode("nonsense")), None);
    }

    #[test]
    fn only_a_surplus_row_makes_a_next_page() {
        let cursor = |n: &i64| Cursor { key: String::new(), id: *n };
        assert!(Page::new((0..PAGE as i64).collect(), cursor).next.is_none());
        let page = Page::new((0..=PAGE as i64).collect(), cursor);
        assert_eq!((page.rows.len(), page.next.map(|next| next.id)), (PAGE, Some(PAGE as i64 - 1)));
    }
}
