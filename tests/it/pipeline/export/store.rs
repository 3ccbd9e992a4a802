//! Store and database belong together.

use crate::support::database::TestDatabase;
use muster::db;
use muster::store::{IdentityError, Store, StoreLocation, ensure_bound};
use std::path::Path;

fn store(folder: &Path) -> Store {
    Store::at(&StoreLocation::folder(folder)).unwrap()
}

#[test]
fn a_database_stays_with_the_first_store_it_met() {
    let database = TestDatabase::new();
    let pool = db::pool(database.url(), 1).unwrap();
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for _ in 0..2 {
        ensure_bound(&store(own.path()), &mut pool.get().unwrap()).unwrap();
    }
    let error = ensure_bound(&store(other.path()), &mut pool.get().unwrap()).unwrap_err();
    assert!(matches!(error, IdentityError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("MUSTER_STORE_URL"), "{error}");

    // A folder whose name was kept but whose content was lost is another store.
    std::fs::remove_file(own.path().join("store_id")).unwrap();
    let error = ensure_bound(&store(own.path()), &mut pool.get().unwrap()).unwrap_err();
    assert!(matches!(error, IdentityError::Foreign { .. }), "{error}");
    std::fs::write(own.path().join("store_id"), "not an id").unwrap();
    let error = ensure_bound(&store(own.path()), &mut pool.get().unwrap()).unwrap_err();
    assert!(matches!(error, IdentityError::Damaged { .. }), "{error}");
}

#[test]
fn a_place_that_is_no_store_is_refused_by_its_setting() {
    for (url, message) in [
        ("https://example.org/bucket", "https: is not known here"),
        ("just/a/path", "file:///"),
        ("file://elsewhere/path", "file:///absolute/path"),
    ] {
        let error = Store::at(&StoreLocation(url.to_owned())).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("MUSTER_STORE_URL"), "{error}");
    }
}
