//! The rule of a local group: written, tried on everybody, and only then saved.

use super::group_edit::{act, find, refused};
use crate::model::as_of::AsOf;
use crate::model::{person, profile_field};
use crate::pipeline::local_groups::LocalGroup;
use crate::pipeline::local_groups::rules::{self, Preview};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;
use serde::Deserialize;

/// Failures shown.
const FAILURES: i64 = 20;

#[derive(Template)]
#[template(path = "pages/group_rule.html")]
struct GroupRulePage {
    layout: Layout,
    group: LocalGroup,
    back: String,
    action: String,
    rule: String,
    tried: Option<Tried>,
    failures: Vec<(String, String, String)>,
    fields: Vec<(String, String)>,
}

/// What a rule would do, with names.
struct Tried {
    preview: Preview,
    comes: Vec<(String, String)>,
    goes: Vec<(String, String)>,
}

/// A rule as it is written.
#[derive(Deserialize)]
pub struct RuleForm {
    #[serde(default)]
    rule: String,
    #[serde(default)]
    act: String,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let group = find(conn, &id)?;
            let rule = group.rule.clone().unwrap_or_default();
            page(conn, layout, group, rule, None)
        })
        .await
}

/// Tries a rule, saves it, or takes the rule away.
pub async fn decide(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<RuleForm>,
) -> Result<HttpResponse, WebError> {
    let RuleForm { rule, act: what } = form.into_inner();
    match what.as_str() {
        "save" => {
            act(context, visitor, id, "", move |conn, group, by| {
                rules::set_rule(conn, group, Some(&rule), by, Utc::now())?;
                Ok("The rule is saved. Who is in the group is being worked out.".into())
            })
            .await
        }
        "remove" => {
            act(context, visitor, id, "", move |conn, group, by| {
                rules::set_rule(conn, group, None, by, Utc::now())?;
                Ok("The rule is gone. Who is in the group stays, and is added and removed by hand from now on.".into())
            })
            .await
        }
        _ => {
            context
                .page(visitor, move |conn, mut layout| {
                    let group = find(conn, &id)?;
                    let tried = match rules::preview(conn, group.id, &rule) {
                        Ok(preview) => Some(Tried {
                            comes: names(conn, &preview.first_to_come)?,
                            goes: names(conn, &preview.first_to_go)?,
                            preview,
                        }),
                        Err(error) => {
                            layout.flash.push(refused(error)?);
                            None
                        }
                    };
                    page(conn, layout, group, rule, tried)
                })
                .await
        }
    }
}

fn names(conn: &mut PgConnection, persons: &[i64]) -> Result<Vec<(String, String)>, WebError> {
    let mut names = Vec::new();
    for &id in persons {
        let name = person::find(conn, &AsOf::Now, id)?.map(|person| person.name());
        names.extend(name.map(|name| (links::user(id), name)));
    }
    Ok(names)
}

fn page(
    conn: &mut PgConnection,
    layout: Layout,
    group: LocalGroup,
    rule: String,
    tried: Option<Tried>,
) -> Result<GroupRulePage, WebError> {
    let failures = match &tried {
        Some(tried) => tried.preview.first_failures.clone(),
        None => {
            let stored = rules::failures_of_group(conn, group.id, FAILURES)?;
            stored.into_iter().map(|one| (one.person_id, one.message)).collect()
        }
    };
    let mut named = Vec::new();
    for (id, message) in failures {
        let name = person::find(conn, &AsOf::Now, id)?.map_or_else(|| format!("User {id}"), |person| person.name());
        named.push((links::user(id), name, message));
    }
    let declared = profile_field::list(conn)?;
    Ok(GroupRulePage {
        failures: named,
        fields: declared.into_iter().map(|field| (field.name, field.title)).collect(),
        back: links::group(group.id),
        action: links::of_group(group.id, "rule"),
        rule,
        tried,
        layout: layout
            .titled(Section::Groups, format!("Rule of {}", group.name))
            .under(links::GROUPS, "Groups")
            .under(links::group(group.id), group.name.clone()),
        group,
    })
}
