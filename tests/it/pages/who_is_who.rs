//! Matches, moves, merging, separating, blocking, and why a value is so: by clicking, in order at every width and look.

use crate::support::browser::{Browser, Look};
use crate::support::guild::Guild;
use crate::support::site::Site;

async fn in_order(browser: &Browser, name: &str) {
    for (width, look) in [(1440, Look::Light), (1440, Look::Dark), (320, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order(name, width, look).await;
    }
    browser.look(1440, Look::Light).await;
}

async fn choose(browser: &Browser, css: &str) {
    browser.run("document.querySelector(arguments[0]).click()", vec![css.into()]).await;
}

#[tokio::test]
async fn who_is_in_doubt_is_decided_merged_separated_and_blocked_in_a_browser() {
    let guild = Guild::new();
    guild.configure("staff", "correlate = [{ property = \"number\", field = \"employee_id\" }]");
    guild.apply("staff", &["1,Ada,shared@x,10", "2,Bea,shared@x,20", "3,Cid,cid@x,30"]);
    guild.apply("register", &["R1,Twin,shared@x,99", "R2,Other,shared@x,98", "R3,Third,cid@x,33"]);
    let (ada, bea, cid) =
        (guild.person("staff", "1").unwrap(), guild.person("staff", "2").unwrap(), guild.person("staff", "3").unwrap());
    let site = Site::start(guild.muster);
    let browser = site.browse().await;
    browser.shows("records are in doubt: who are they?").await;
    browser.open("/matches").await;
    browser.shows("mail is shared@x (mail)").await;
    in_order(&browser, "matches").await;
    choose(&browser, &format!("input[name=choice0][value='person:{bea}']")).await;
    choose(&browser, "input[name=choice1][value=ignore]").await;
    browser.fill("comment", "asked them").await;
    browser.click("Decide what is chosen").await;
    browser.shows("2 records decided.").await;
    browser.shows("Nothing is in doubt").await;
    browser.click("What was decided").await;
    browser.shows("asked them").await;
    in_order(&browser, "matches-decided").await;
    choose(&browser, "tbody tr:first-child input[type=checkbox]").await;
    browser.click("Take the ticked ones back").await;
    browser.shows("1 decision taken back.").await;
    browser.open("/matches").await;
    browser.shows("1 record of which it is not clear").await;
    browser.click("Decide all of them").await;
    choose(&browser, "input[name=verdict][value=new]").await;
    browser.click("Decide 1 record").await;
    browser.shows("1 record decided.").await;

    browser.open(&format!("/users/{cid}")).await;
    in_order(&browser, "user-administered").await;
    browser.click("Employee ID").await;
    browser.shows("4. Authority").await;
    in_order(&browser, "why").await;
    browser.click("What was received").await;
    browser.shows("R3").await;
    in_order(&browser, "received").await;
    browser.open(&format!("/users/{cid}")).await;
    browser.click("Merge or separate").await;
    browser.click("R3").await;
    in_order(&browser, "merge-separate").await;
    browser.click("Take R3 off Cid").await;
    browser.shows("The record feeds this user now, and no longer Cid.").await;

    browser.open(&format!("/users/{bea}/merge?with={ada}")).await;
    browser.shows("Bea would be no user any more").await;
    in_order(&browser, "merge").await;
    browser.click("Merge Bea into Ada").await;
    browser.shows("Bea is this user now.").await;
    browser.shows(&format!("User {bea} turned out to be this one")).await;
    browser.open(&format!("/users/{cid}/block")).await;
    browser.shows("The user is in no group.").await;
    in_order(&browser, "block").await;
    browser.fill("reason", "under investigation").await;
    browser.click("Block Cid").await;
    browser.shows("Blocked: under investigation (by ").await;
    browser.click("Block …").await;
    browser.click("Take the block by hand back").await;
    browser.shows("is no longer blocked by hand").await;
    browser.click("Synchronize now").await;
    browser.shows("Staff is read again.").await;
    browser.open(&format!("/users/{bea}")).await;
    browser.shows("turned out to be another one").await;
    browser.close().await;
}

#[tokio::test]
async fn moves_are_accepted_and_refused_before_they_are_applied() {
    let guild = Guild::new();
    guild.apply("staff", &["1,Ada,ada@x,10", "2,Bea,bea@x,20"]);
    guild.write("staff", &["11,Ada,ada@x,10", "22,Bea,bea@x,20"]);
    let ready = guild.muster.run(&["run", "staff", "--dry-run", "--wait", "--json"]).succeeded().json().remove(0);
    let run = ready["id"].clone();
    let site = Site::start(guild.muster);
    let browser = site.browse().await;
    browser.open(&format!("/runs/{run}")).await;
    browser.shows("2 users come under a new key").await;
    browser.click("Accept or refuse").await;
    browser.shows("applied with the run, unless refused").await;
    in_order(&browser, "moves").await;
    choose(&browser, "tbody tr:first-child input[type=checkbox]").await;
    browser.click("Refuse the ticked ones").await;
    browser.shows("1 move refused.").await;
    browser.shows("refused by").await;
    browser.click("Decide all 2").await;
    browser.click("Accept all 2").await;
    browser.shows("2 moves accepted.").await;
    browser.open("/matches?decided=yes").await;
    browser.shows("22").await;
    browser.close().await;
}
