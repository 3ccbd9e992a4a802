//! What is done with people: a rule tried on everybody, and somebody who has left anonymized.

use anyhow::{Context, Result, ensure};

use crate::desk::Desk;
use crate::sample::Sample;

/// Tries a rule for a local group on everybody, then anonymizes somebody.
pub fn measure(desk: &Desk, sample: &Sample) -> Result<()> {
    let (_, _, to) = desk.form("/groups", &[("name", "Those in Zürich"), ("description", "")])?;
    let group = to.strip_suffix("/edit").with_context(|| format!("no group was made, but led to {to:?}"))?;
    let rule = [("rule", "profile.location == 'Zürich' && profile.title.startsWith('Data')"), ("act", "try")];
    let (took, answer, _) = desk.form(&format!("{group}/rule"), &rule)?;
    ensure!(answer.status == 200, "the rule was answered by {}: {:.300}", answer.status, answer.said());
    println!("rule tried on everybody in {:.2} s", took.as_secs_f64());

    // Of those who have left: the loads that follow count on the others.
    let Some(someone) = sample.people.iter().find(|someone| !someone.stays) else {
        println!("nobody of the sample has left, so that nobody was anonymized");
        return Ok(());
    };
    let found = desk.json(&format!("/users?field=user_name&value={}", someone.login))?;
    let id = found["items"][0]["id"].as_i64().context("somebody's id")?;
    let (_, page) = desk.page(&format!("/users/{id}/anonymize"))?;
    let before = page.text.split("id=\"name\"").next().unwrap_or_default().to_owned();
    ensure!(page.status == 200 && before.len() < page.text.len(), "no form to anonymize: {:.300}", page.said());
    let name = desk.json(&format!("/users/{id}"))?["fields"]["display_name"].as_str().unwrap_or_default().to_owned();
    let (took, answer, to) = desk.form(&format!("/users/{id}/anonymize"), &[("name", &name)])?;
    ensure!(answer.status == 303, "anonymizing led to {to:?}, {}: {:.300}", answer.status, answer.said());
    println!("somebody anonymized in {:.2} s", took.as_secs_f64());
    Ok(())
}
