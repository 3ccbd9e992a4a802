//! CSV for download, safe to open in a spreadsheet.

use actix_web::HttpResponse;
use actix_web::http::header;

/// A file of rows that the browser saves under `name`.
pub fn download(name: &str, rows: impl IntoIterator<Item = Vec<String>>) -> HttpResponse {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing to memory can't fail, and all rows of a file are made with the same number of columns.
        let _ = writer.write_record(row.iter().map(|cell| safe(cell).into_owned()));
    }
    let body = writer.into_inner().unwrap_or_default();
    attachment(name, "text/csv; charset=utf-8").body(body)
}

/// An answer that is saved, never shown. `name` holds only letters that need no escaping.
pub fn attachment(name: &str, content_type: &'static str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type(content_type)
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    response
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe.
pub fn safe(cell: &str) -> std::borrow::Cow<'_, str> {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\0' | '＝' | '＋' | '－' | '＠') => {
            format!("'{cell}").into()
        }
        _ => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(safe(bad).starts_with('\''), "{bad:?}");
        }
        assert_eq!(safe("Ada"), "Ada");
        assert_eq!(safe(""), "");
    }
}
