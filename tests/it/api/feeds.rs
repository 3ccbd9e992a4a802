//! Feeds that are kept: listed, and handed out as they were sealed.

use crate::support::api::Api;
use crate::support::site::Site;
use crate::support::works::Works;
use muster::model::token::Scope;
use sha2::{Digest, Sha256};

#[tokio::test]
async fn what_was_read_can_be_had_byte_for_byte() {
    let mut works = Works::applied(4);
    works.people[1].mail = "=new@example.org".into();
    // Blocked or not: what was read is kept.
    works.run().exited(3);
    let site = Site::start(works.muster);
    let api = Api::with(&site, &[Scope::Read], Some("works"));
    let page = api.get("/api/v1/connectors/works/feeds?limit=1").await.is(200).json();
    let feed = &page["items"][0];
    assert_eq!((feed["run"].as_i64(), feed["complete"].as_bool()), (Some(2), Some(true)));
    let older = format!("/api/v1/connectors/works/feeds?limit=1&after={}", page["next"].as_str().unwrap());
    let older = api.get(&older).await.is(200).json();
    assert_eq!((older["items"][0]["run"].as_i64(), older["next"].is_null()), (Some(1), true));

    let file = feed["files"].as_array().unwrap().iter().find(|file| file["table"] == "feed.people").unwrap();
    let path = format!("/api/v1/connectors/works/feeds/{}/tables", feed["id"]);
    let answer = api.get(&format!("{path}/feed.people")).await.is(200);
    let seal: String = Sha256::digest(&answer.text).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(file["sha256"].as_str(), Some(&*seal));
    assert!(answer.text.contains("=new@example.org"), "as it was sealed: {}", answer.text);
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\"feed.people.csv\""));
    api.get(&format!("{path}/feed.ghosts")).await.problem(404, "not_found");
    api.get("/api/v1/connectors/works/feeds/99/tables/feed.people").await.problem(404, "not_found");
}
