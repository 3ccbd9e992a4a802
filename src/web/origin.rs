//! Where a request comes from, known to whatever works for it: the audit log notes it.

use crate::model::audit;
use actix_web::HttpRequest;
use diesel::pg::PgConnection;
use std::future::Future;

tokio::task_local! {
    static ORIGIN: Option<String>;
}

/// The address that a request comes from.
pub fn of(request: &HttpRequest) -> Option<String> {
    request.peer_addr().map(|address| address.ip().to_canonical().to_string())
}

/// Works for a request that comes from there.
pub async fn within<F: Future>(origin: Option<String>, work: F) -> F::Output {
    ORIGIN.scope(origin, work).await
}

/// The address of the request that is worked for.
pub fn current() -> Option<String> {
    ORIGIN.try_with(Clone::clone).ok().flatten()
}

/// Does something on a connection that says where it comes from.
pub fn told<T, E: From<diesel::result::Error>>(
    conn: &mut PgConnection,
    origin: Option<&str>,
    work: impl FnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    let Some(origin) = origin else { return work(conn) };
    audit::come_from(conn, Some(origin))?;
    let done = work(conn);
    // Should it fail, the connection is no good any more, and is not used again.
    let cleared = audit::come_from(conn, None);
    let done = done?;
    cleared?;
    Ok(done)
}
