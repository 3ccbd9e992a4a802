//! Services that lie about where their list ends, or lead elsewhere.

use super::Document;
use crate::support::web_responder::{Reply, Request, WebResponder, answer, json};
use serde_json::{Value, json};

fn records(ids: &[usize]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "guid": id })).collect()
}

fn of(service: &WebResponder, table: &str) -> Document {
    Document::new(&service.url(), table).columns(&["guid"])
}

fn number(request: &Request, name: &str) -> usize {
    request.parameter(name).unwrap().parse().unwrap()
}

#[test]
fn what_is_no_array_of_records_is_never_an_empty_one() {
    for (body, table, words) in [
        (json!({ "error": "later" }), "path = \"/users\"", "no array of records"),
        (json!({ "error": "later" }), "path = \"/users\"\nrecords = \"users\"", "the answer has error"),
        (json!({ "users": null }), "path = \"/users\"\nrecords = \"users\"", "no array at `users`"),
        (json!({ "users": {} }), "path = \"/users\"\nrecords = \"users\"", "no array at `users`"),
        (json!([1]), "path = \"/users\"", "should be a record"),
        (json!([]), "path = \"/users\"\ntotal = \"total\"", "no number at `total`"),
        (json!([{ "guid": 1 }, { "guid": 1 }]), "path = \"/users\"", "came twice"),
    ] {
        let service = WebResponder::start(move |_, _| json(&body));
        of(&service, table).fails_with(&[words, "table `people`, page 1", "nothing of it is used"]);
    }
    for (body, records) in [
        (r#"{ "users": [{ "guid": 1 }], "users": [{ "guid": 2 }] }"#, "users"),
        (r#"{ "data": { "users": [] }, "data": { "users": [{ "guid": 2 }] } }"#, "data.users"),
        (r#"{ "data": { "users": [], "users": [{ "guid": 2 }] } }"#, "data.users"),
    ] {
        let service = WebResponder::start(move |_, _| json(body));
        of(&service, &format!("path = \"/users\"\nrecords = {records:?}")).fails_with(&["twice in one object"]);
    }
    let html = WebResponder::start(|_, _| answer("200 OK", &[("Content-Type", "text/html")], "[]"));
    of(&html, "path = \"/users\"").fails_with(&["sign-in page"]);
}

#[test]
fn a_short_page_is_not_the_end() {
    // Pages of three, whatever is asked for; the third is short.
    let service = WebResponder::start(|_, request| {
        let pages: [&[usize]; 4] = [&[1, 2, 3], &[4, 5, 6], &[7], &[8, 9]];
        json(Value::from(records(pages.get(number(request, "page") - 1).copied().unwrap_or_default())))
    });
    let export = of(&service, "path = \"/users\"\npaging = \"page\"\nsize_parameter = \"n\"").export().unwrap();
    assert_eq!(export.rows("people").len(), 9);
}

#[test]
fn a_list_that_shrinks_while_it_is_read_is_noticed() {
    // The first record goes after the first page: the fourth moves into its place, and would never be seen.
    let table = "path = \"/users\"\npaging = \"offset\"\nsize_parameter = \"n\"";
    let service = WebResponder::start(|count, request| {
        let all: Vec<usize> = if count == 0 { (1..=9).collect() } else { (2..=9).collect() };
        json(Value::from(records(&all.into_iter().skip(number(request, "offset")).take(3).collect::<Vec<_>>())))
    });
    assert!(of(&service, table).fails_with(&["records came or went"]).transient);
    let total = WebResponder::start(|count, request| {
        let all: Vec<usize> = if count == 0 { (1..=9).collect() } else { (2..=9).collect() };
        let page: Vec<usize> = all.iter().copied().skip((number(request, "page") - 1) * 3).take(3).collect();
        json(json!({ "users": records(&page), "total": all.len() }))
    });
    let table = "path = \"/users\"\nrecords = \"users\"\npaging = \"page\"\ntotal = \"total\"";
    assert!(of(&total, table).fails_with(&["there are 9 records, and now 8"]).transient);
}

#[test]
fn a_next_page_that_is_never_named_is_a_doubt() {
    let list = |body: Value| WebResponder::start(move |_, _| json(&body));
    let table = "path = \"/users\"\nrecords = \"users\"\npaging = \"link\"\nnext = \"following\"";
    let misspelled = list(json!({ "users": records(&[1, 2]), "next": "/users?page=2" }));
    of(&misspelled, table).fails_with(&["names no next one", "check `next`"]);
    let by_header = list(Value::from(records(&[1, 2])));
    of(&by_header, "path = \"/users\"\npaging = \"link\"").fails_with(&["names no next one"]);
    // Null, a page with room left, or a total: that is said.
    let null = list(json!({ "users": records(&[1, 2]), "following": null }));
    assert_eq!(of(&null, table).export().unwrap().rows("people").len(), 2);
    let room = format!("{table}\nsize_parameter = \"n\"\npage_size = 3");
    assert_eq!(of(&misspelled, &room).export().unwrap().rows("people").len(), 2);
    let total = list(json!({ "users": records(&[1, 2]), "total": 2 }));
    assert_eq!(of(&total, &format!("{table}\ntotal = \"total\"")).export().unwrap().rows("people").len(), 2);
}

#[test]
fn the_next_page_must_be_the_services_own_and_another() {
    let elsewhere = WebResponder::start(|_, _| json(json!([])));
    for next in [elsewhere.url(), elsewhere.url().replace("http://", "//"), "https://directory.example.org/x".into()] {
        let service = WebResponder::start(move |_, _| json(json!({ "users": records(&[1]), "next": next })));
        let table = "path = \"/users\"\nrecords = \"users\"\npaging = \"link\"\nnext = \"next\"";
        of(&service, table).fails_with(&["which is another: nothing is asked there"]);
    }
    assert!(elsewhere.requests().is_empty(), "the API key was sent elsewhere");
    let circle = WebResponder::start(|count, _| json(json!({ "users": records(&[count]), "next": "/users" })));
    let table = "path = \"/users\"\nrecords = \"users\"\npaging = \"link\"\nnext = \"next\"";
    of(&circle, table).fails_with(&["lead in a circle"]);
    let redirect = WebResponder::start(|_, _| answer("302 Found", &[("Location", "https://sso.example.org/")], ""));
    of(&redirect, table).fails_with(&["https://sso.example.org/", "not followed"]);
}

#[test]
fn a_record_that_is_listed_and_not_to_be_had_is_a_doubt_about_all() {
    let table = "path = \"/users\"\ndetail = \"/users/{key}\"";
    let service = |one: fn(&str) -> Reply| {
        WebResponder::start(move |_, request| match request.target.strip_prefix("/users/") {
            Some(key) => one(key),
            None => json(Value::from(records(&[1, 2, 3]))),
        })
    };
    let gone = service(|key| match key {
        "2" => answer("404 Not Found", &[], ""),
        key => json(json!({ "guid": key })),
    });
    let error = of(&gone, table).fails_with(&["one record of the list", "404", "/users/{key}"]);
    assert!(error.transient && !error.to_string().contains("/users/2"), "{error}");
    let other = service(|_| json(json!({ "guid": 7 })));
    of(&other, table).fails_with(&["not about the record that was asked for"]);
    let whole = service(|key| json(json!({ "guid": key })));
    assert_eq!(of(&whole, table).export().unwrap().column("people", "guid"), ["1", "2", "3"]);
}

#[test]
fn a_record_without_its_key_is_a_doubt_where_keys_prove_the_end() {
    let second = |key: Value| {
        let records = json!([{ "guid": 1 }, { "guid": key }]);
        WebResponder::start(move |count, _| json(if count == 0 { records.clone() } else { json!([]) }))
    };
    for paging in ["page", "offset"] {
        let table = format!("path = \"/users\"\npaging = \"{paging}\"");
        for key in [Value::Null, json!([])] {
            let words =
                ["a record has nothing at `guid`", "set `key`", "table `people`, page 1", "nothing of it is used"];
            assert!(!of(&second(key), &table).fails_with(&words).transient);
        }
    }
    // Where one answer is all, nothing depends on it: the record is a problem of its own later on.
    let export = of(&second(Value::Null), "path = \"/users\"").export().unwrap();
    assert_eq!(export.column("people", "guid"), ["1", ""]);
    of(&second(Value::Null), "path = \"/users\"\ndetail = \"/users/{key}\"").fails_with(&["a record has no key"]);
}

#[test]
fn an_answer_that_names_a_next_page_is_not_all_there_is() {
    let service = |link: &'static str| {
        let headers = [("Content-Type", "application/json"), ("Link", link)];
        WebResponder::start(move |_, _| answer("200 OK", &headers, "[{ \"guid\": 1 }]"))
    };
    let table = "path = \"/users\"";
    for link in ["</users?page=2>; rel=\"next\"", "</users>; rel=self, </users?page=2>; rel=\"last next\""] {
        let error = of(&service(link), table).fails_with(&["there is a next page", "paging = \"link\""]);
        assert!(!error.transient && error.message.contains("nothing of it is used"), "{error}");
    }
    for link in ["</users>; rel=\"self\"", "</users?page=0>; rel=prev", "</licence>; rel=license"] {
        assert_eq!(of(&service(link), table).export().unwrap().rows("people").len(), 1, "{link}");
    }
}
