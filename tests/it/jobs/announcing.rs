//! Announcing: who hears that a connector is blocked, failed, late or in order again, and how often it is tried.

use super::office::{Office, breach};
use crate::support::mail::{MAIL_PASSWORD, MailServer};
use crate::support::program::{Program, examples};
use crate::support::receiver::{Answer, Received, Receiver};
use crate::support::site::Site;
use chrono::{DateTime, TimeDelta, Utc};
use muster::document;
use muster::jobs::announcing;
use muster::model::claim::{Ending, Failure};
use muster::model::delivery::{self, Delivery, DeliveryState};
use muster::model::run::Stage;
use muster::model::{job_slot, settings};
use std::time::Duration;

/// `whsec_` and base64 of `four small red doors`.
const SECRET: &str = "whsec_Zm91ciBzbWFsbCByZWQgZG9vcnM=";
const KEY: &[u8] = b"four small red doors";
const PUBLIC_URL: &str = "https://muster.example.org";

impl Office {
    /// Applies settings that consist of this, with the secret in a file beside.
    fn settings(&self, text: &str) {
        muster::secret::trust_folders(std::slice::from_ref(&self.context.data_dir));
        let file = self.context.data_dir.join("secret");
        std::fs::write(&file, SECRET).unwrap();
        let text = text.replace("SECRET", &format!("{{ file = {:?} }}", file.to_str().unwrap()));
        let definition = document::settings(&text).unwrap_or_else(|errors| panic!("{errors}"));
        settings::apply(&mut self.connection(), &text, &definition, None, "test").unwrap();
    }

    /// Settings with a webhook that tells of everything.
    fn webhook(&self, url: &str) {
        self.settings(&webhook(url, ""));
    }

    fn now(&self) -> DateTime<Utc> {
        job_slot::clock(&mut self.connection()).unwrap()
    }

    fn spread(&self) -> usize {
        announcing::spread(&mut self.connection(), PUBLIC_URL, self.now()).unwrap()
    }

    fn send(&self, now: DateTime<Utc>) -> usize {
        self.runtime.block_on(announcing::send_due(&self.context.db, now)).unwrap()
    }

    /// Spreads and sends what is due by now; so many tries.
    fn tell(&self) -> usize {
        self.spread();
        std::iter::repeat_with(|| self.send(self.now())).take_while(|tries| *tries > 0).sum()
    }

    fn deliveries(&self) -> Vec<Delivery> {
        delivery::newest(&mut self.connection(), None, None, 100).unwrap()
    }

    fn fail(&self, connector: &muster::model::connector::Connector) {
        let failure = Failure {
            stage: Stage::Export,
            place: "ldap://127.0.0.1".into(),
            message: "`uid=ada,ou=people` has more values than the server gave".into(),
            transient: false,
        };
        let run = self.start(connector);
        self.go(run, Ending::Failed(failure));
    }

    /// What was announced today counts as announced yesterday.
    fn a_day_passes(&self) {
        self.execute("update announcements set day = day - 1");
    }
}

fn webhook(url: &str, more: &str) -> String {
    format!(
        "[[notification]]\nkind = \"webhook\"\nurl = \"{url}/hook\"\nsecret = SECRET\n\
         on = [\"blocked\", \"failed\", \"late\"]\n{more}\n"
    )
}

fn occasions(received: &[Received]) -> Vec<String> {
    received.iter().map(|one| one.json()["data"]["occasion"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_blocked_run_is_told_with_its_guards_by_a_signed_webhook() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.webhook(&receiver.address);
    let run = office.blocked(&office.connector("hr", ""));
    assert_eq!(office.tell(), 1);
    let [told] = &receiver.received()[..] else { panic!("one request came") };
    told.is_signed_with(KEY);
    assert!(told.id.starts_with("msg_"), "{told:?}");
    assert!((told.timestamp.parse::<i64>().unwrap() - Utc::now().timestamp()).abs() < 60, "{told:?}");
    let body = told.json();
    assert_eq!(body["type"], "run.blocked");
    let data = &body["data"];
    assert_eq!((&data["connector"], &data["run"]), (&"hr".into(), &run.id.0.into()));
    assert_eq!(data["url"], format!("{PUBLIC_URL}/runs/{}", run.id));
    assert_eq!(data["changes"], 2);
    assert_eq!(data["breaches"][0]["guard"], "first_run");
    assert!(data["text"].as_str().unwrap().contains(&breach().message), "{data}");
    assert_eq!(office.deliveries()[0].state, "sent");
    assert_eq!(office.tell(), 0, "it is told once");
}

#[test]
fn why_a_run_failed_stays_in_the_house() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.webhook(&receiver.address);
    office.fail(&office.connector("hr", ""));
    office.tell();
    let [told] = &receiver.received()[..] else { panic!("one request came") };
    assert_eq!((&told.json()["type"], &told.json()["data"]["stage"]), (&"run.failed".into(), &"export".into()));
    assert!(!told.body.contains("uid=ada"), "{}", told.body);
}

#[test]
fn at_most_one_is_told_per_cause_and_day() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.webhook(&receiver.address);
    let (hr, campus) = (office.connector("hr", ""), office.connector("campus", ""));
    for _ in 0..3 {
        office.fail(&hr);
    }
    office.fail(&campus);
    office.blocked(&hr);
    office.tell();
    assert_eq!(occasions(&receiver.received()), ["failed", "failed", "blocked"], "each connector, each cause");
    office.a_day_passes();
    office.fail(&hr);
    office.tell();
    assert_eq!(occasions(&receiver.received())[3..], ["failed"]);
}

#[test]
fn that_it_is_over_is_told_once_to_those_who_were_told() {
    let office = Office::new();
    let (told, other) = (Receiver::start([]), Receiver::start([]));
    let second = webhook(&other.address, "name = \"other\"\nconnectors = [\"campus\"]");
    office.settings(&format!("{}{second}", webhook(&told.address, "")));
    let hr = office.connector("hr", "");
    office.applied(&hr);
    office.tell();
    assert!(told.received().is_empty(), "nothing was wrong");

    office.fail(&hr);
    let blocked = office.blocked(&hr);
    office.tell();
    let by = muster::model::decision::Decider { name: "ada", comment: None };
    muster::model::decision::discard(&mut office.connection(), blocked.id, &by).unwrap();
    office.tell();
    assert_eq!(told.received().len(), 2, "a decision is not the end: nothing was applied");
    for _ in 0..2 {
        office.applied(&hr);
        office.tell();
    }
    let received = told.received();
    assert_eq!(occasions(&received), ["failed", "blocked", "recovered"]);
    assert_eq!(received[2].json()["data"]["over"], serde_json::json!(["failed", "blocked"]));
    assert!(other.received().is_empty(), "it asked for another connector");
}

#[test]
fn who_does_not_want_to_hear_that_it_is_over_does_not() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.settings(&webhook(&receiver.address, "recovered = false"));
    let hr = office.connector("hr", "");
    office.fail(&hr);
    office.tell();
    office.applied(&hr);
    office.tell();
    assert_eq!(occasions(&receiver.received()), ["failed"]);
}

#[test]
fn a_dry_run_tells_nobody() {
    let office = Office::new();
    office.webhook("http://127.0.0.1:1");
    let hr = office.connector("hr", "");
    let run = office.try_start(&hr, |new| new.dry_run = true).unwrap();
    office.prepare(run, vec![breach()]);
    let run = office.try_start(&hr, |new| new.dry_run = true).unwrap();
    let failure = Failure { stage: Stage::Export, place: "x".into(), message: "y".into(), transient: true };
    office.go(run, Ending::Failed(failure));
    assert_eq!(office.count("announcements"), 0);
    assert_eq!(office.count("run_retries"), 0, "nor is it tried again by itself");
}

#[test]
fn a_run_and_its_announcement_are_written_together_or_not_at_all() {
    let office = Office::new();
    let hr = office.connector("hr", "");
    let run = office.start(&hr);
    let claim = office.claim(run).unwrap();
    office.expire_lease(run);
    office.claim(run).unwrap();
    let failure = Failure { stage: Stage::Export, place: "x".into(), message: "y".into(), transient: true };
    assert!(office.finish(&claim, Ending::Failed(failure)).is_err(), "the claim was taken over");
    assert_eq!(office.count("announcements"), 0);
    assert_eq!(office.count("run_retries"), 0);
}

#[test]
fn a_late_connector_is_told_once_a_day_on_any_number_of_servers() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.webhook(&receiver.address);
    let hr = office.connector("hr", "");
    office.connector("campus", "complete_job = \"not_used\"\nincremental_job = \"not_used\"");
    let midnight = (office.now() + TimeDelta::days(1)).date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let look = |now: DateTime<Utc>| {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| announcing::look_for_late(&mut office.connection(), now).unwrap());
            }
        });
    };
    look(midnight + TimeDelta::minutes(14));
    assert_eq!(office.count("announcements"), 0, "a run may take its time");
    for minutes in [16, 17, 120] {
        look(midnight + TimeDelta::minutes(minutes));
    }
    office.tell();
    assert_eq!(occasions(&receiver.received()), ["late"]);
    let told = receiver.received()[0].json();
    assert_eq!(told["data"]["connector"], "hr");
    assert_eq!(told["data"]["due_at"], midnight.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
    look(midnight + TimeDelta::days(1) + TimeDelta::minutes(16));
    assert_eq!(office.count("announcements"), 2, "it still is, on the next day");
    office.applied(&hr);
    office.tell();
    assert_eq!(occasions(&receiver.received()), ["late", "late", "recovered"]);
}

#[test]
fn what_is_no_longer_late_because_its_schedule_changed_is_over_too() {
    let office = Office::new();
    let hr = office.connector("hr", "");
    office.applied(&hr);
    let late = office.now() + TimeDelta::days(2);
    announcing::look_for_late(&mut office.connection(), late).unwrap();
    assert_eq!(office.count("announcements where occasion = 'late'"), 1);
    office.execute("update jobs set enabled = false");
    for _ in 0..2 {
        announcing::look_for_late(&mut office.connection(), late).unwrap();
    }
    assert_eq!(office.count("announcements where occasion = 'recovered'"), 1);
}

#[test]
fn a_delivery_is_tried_again_until_it_arrives() {
    let office = Office::new();
    let receiver = Receiver::start([Answer::Status(500), Answer::Status(429)]);
    office.webhook(&receiver.address);
    office.blocked(&office.connector("hr", ""));
    office.spread();
    let now = office.now();
    assert_eq!(office.send(now), 1);
    let waiting = office.deliveries().remove(0);
    assert_eq!((waiting.state.as_str(), waiting.attempts), ("pending", 1));
    assert_eq!(waiting.error.as_deref(), Some("the answer was 500 Internal Server Error"));
    assert_eq!((waiting.due_at - now).num_seconds(), 60);
    assert_eq!(office.send(now + TimeDelta::seconds(59)), 0, "its time has not come");
    assert_eq!(office.send(now + TimeDelta::seconds(61)), 1);
    assert_eq!(office.send(now + TimeDelta::minutes(7)), 1);
    assert_eq!(office.deliveries()[0].state, "sent");
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    for one in &received {
        one.is_signed_with(KEY);
        assert_eq!((&one.id, &one.body), (&received[0].id, &received[0].body), "the same message each time");
    }
    assert_ne!(received[0].timestamp, received[2].timestamp, "but signed anew");
}

#[test]
fn after_its_last_try_a_delivery_has_failed_until_somebody_decides() {
    let office = Office::new();
    let receiver = Receiver::start([Answer::Status(500), Answer::Status(503)].into_iter().cycle().take(6));
    office.webhook(&receiver.address);
    office.blocked(&office.connector("hr", ""));
    office.spread();
    let mut now = office.now();
    let mut waits = Vec::new();
    while office.send(now) == 1 {
        let delivery = office.deliveries().remove(0);
        if delivery.state == "failed" {
            break;
        }
        waits.push((delivery.due_at - now).num_minutes());
        now = delivery.due_at;
    }
    assert_eq!(waits, [1, 5, 30, 120, 720]);
    assert_eq!(office.send(now + TimeDelta::days(9)), 0);
    assert_eq!(delivery::failed(&mut office.connection()).unwrap(), [("webhook".to_owned(), 1)]);
    let id = office.deliveries()[0].id;
    assert!(delivery::retry(&mut office.connection(), id, "ada", now).unwrap());
    assert_eq!(office.send(now), 1);
    assert_eq!(office.deliveries()[0].state, DeliveryState::Sent.as_str());
    assert!(!delivery::give_up(&mut office.connection(), id, "ada", now).unwrap(), "it has arrived");
    assert_eq!(office.count("audit where subject like 'delivery %' and account = 'ada'"), 1);
}

#[test]
fn what_is_given_up_is_not_sent() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.webhook(&receiver.address);
    office.blocked(&office.connector("hr", ""));
    office.spread();
    let id = office.deliveries()[0].id;
    assert!(delivery::give_up(&mut office.connection(), id, "ada", office.now()).unwrap());
    assert_eq!(office.send(office.now()), 0);
    assert!(receiver.received().is_empty());
}

#[test]
fn redirects_are_not_followed() {
    let office = Office::new();
    let elsewhere = Receiver::start([]);
    let receiver = Receiver::start([Answer::Redirect(format!("{}/there", elsewhere.address))]);
    office.webhook(&receiver.address);
    office.blocked(&office.connector("hr", ""));
    office.tell();
    let error = office.deliveries()[0].error.clone().unwrap();
    assert!(error.contains("302") && error.contains("redirects are not followed"), "{error}");
    assert!(elsewhere.received().is_empty());
}

#[test]
fn who_never_answers_holds_up_nobody_else() {
    let office = Office::new();
    let (silent, quick) = (Receiver::start([Answer::Hang]), Receiver::start([]));
    let second = webhook(&quick.address, "name = \"quick\"");
    office.settings(&format!("{}{second}", webhook(&silent.address, "")));
    office.blocked(&office.connector("hr", ""));
    assert_eq!(office.tell(), 2);
    let of = |name: &str| office.deliveries().into_iter().find(|one| one.notification == name).unwrap();
    assert_eq!(of("quick").state, "sent");
    assert_eq!(of("webhook").state, "pending");
    assert_eq!(of("webhook").error.as_deref(), Some("no answer within 10 s"));
}

#[test]
fn webhooks_do_not_go_where_clouds_keep_their_secrets() {
    let office = Office::new();
    let url = "http://169.254.169.254/latest";
    office.settings(&format!("{}{}", webhook(url, ""), webhook("http://[::ffff:169.254.1.1]", "name = \"other\"")));
    office.blocked(&office.connector("hr", ""));
    office.tell();
    for delivery in office.deliveries() {
        assert_eq!(delivery.state, "failed", "another try would be refused as well: {delivery:?}");
        assert!(delivery.error.unwrap().contains("allow_link_local"));
    }
}

#[test]
fn the_secret_and_the_path_of_an_address_stand_nowhere_else() {
    let office = Office::new();
    office.webhook("http://127.0.0.1:1/T0K3N");
    office.blocked(&office.connector("hr", ""));
    office.tell();
    let [delivery] = &office.deliveries()[..] else { panic!("one delivery") };
    assert_eq!(delivery.recipient, "http://127.0.0.1:1");
    let error = delivery.error.clone().unwrap();
    assert!(error.starts_with("can't connect: "), "{error}");
    assert_eq!(office.count("deliveries d where d::text like '%T0K3N%' or d::text like '%whsec%'"), 0);
    assert_eq!(office.count("audit a where a::text like '%T0K3N%' or a::text like '%whsec%'"), 0);
}

#[test]
fn several_servers_send_each_delivery_once() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.webhook(&receiver.address);
    for number in 0..20 {
        office.fail(&office.connector(&format!("source {number}"), ""));
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                office.spread();
                while office.send(office.now()) > 0 {}
            });
        }
    });
    // Who came while another one was at it found nothing to send.
    office.tell();
    let mut ids: Vec<_> = receiver.received().into_iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), 20);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[test]
fn another_server_takes_over_what_one_died_of() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.webhook(&receiver.address);
    office.blocked(&office.connector("hr", ""));
    office.spread();
    let now = office.now();
    let dead = delivery::claim(&mut office.connection(), now, 8, 60.0).unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(office.send(now + TimeDelta::seconds(30)), 0, "it may still be at it");
    assert_eq!(office.send(now + TimeDelta::seconds(61)), 1);
    assert_eq!(office.deliveries()[0].state, "sent");
    assert_eq!(delivery::missed(&mut office.connection(), &dead[0], "late", false, now).map(|_| ()), Ok(()));
    assert_eq!(office.deliveries()[0].state, "sent", "who wakes up late writes nothing");
}

#[test]
fn a_notification_that_is_gone_from_the_settings_is_told_nothing() {
    let office = Office::new();
    let receiver = Receiver::start([]);
    office.webhook(&receiver.address);
    office.blocked(&office.connector("hr", ""));
    office.spread();
    office.settings("[retention]\nextractions_days = 30\n");
    office.send(office.now());
    assert!(receiver.received().is_empty());
    let delivery = office.deliveries().remove(0);
    assert!(delivery.state == "failed" && delivery.error.unwrap().contains("no longer"));
}

#[test]
fn mail_comes_to_each_recipient_though_another_one_is_gone() {
    let office = Office::new();
    let server = MailServer::plain();
    office.settings(&format!(
        "[[notification]]\nkind = \"mail\"\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
         from = \"muster@example.org\"\nto = [\"gone@example.org\", \"later@example.org\", \"ada@example.org\"]\n\
         on = [\"blocked\"]\n",
        server.port
    ));
    let hr = office.connector("hr", "display_name = \"Löhne\"");
    office.fail(&hr);
    let run = office.blocked(&hr);
    office.spread();
    let now = office.now();
    assert_eq!(office.send(now), 3, "it did not ask for failed runs");
    let mail = server.next();
    assert_eq!((&mail["to"], &mail["from"]), (&serde_json::json!(["ada@example.org"]), &"muster@example.org".into()));
    let content = mail["content"].as_str().unwrap();
    for part in [
        &format!("{PUBLIC_URL}/runs/{}", run.id),
        "Auto-Submitted: auto-generated",
        "To: ada@example.org",
        "Message-ID: <",
    ] {
        assert!(content.contains(part), "{part}: {content}");
    }
    assert!(server.is_empty());
    let of = |name: &str| office.deliveries().into_iter().find(|one| one.recipient.starts_with(name)).unwrap();
    assert!(of("gone@").error.unwrap().contains("550"));
    assert_eq!(
        (of("gone@").state, of("later@").state, of("ada@").state),
        ("pending".into(), "pending".into(), "sent".into())
    );
    office.send(now + TimeDelta::minutes(2));
    assert_eq!(server.next()["to"], serde_json::json!(["later@example.org"]));
}

#[test]
fn a_server_tells_by_encrypted_mail_and_webhook_what_goes_wrong_and_that_it_is_over() {
    let (mails, hooks) = (MailServer::encrypted(), Receiver::start([]));
    let program = Program::new()
        .with_environment("SSL_CERT_FILE", &mails.certificate())
        .with_environment("MAIL_PASSWORD", MAIL_PASSWORD)
        .with_environment("HOOK_SECRET", SECRET);
    let settings = format!(
        "[[notification]]\nkind = \"mail\"\nserver = \"localhost\"\nport = {}\nuser = \"muster\"\n\
         password = {{ env = \"MAIL_PASSWORD\" }}\nfrom = \"muster@example.org\"\nto = [\"ops@example.org\"]\n\
         on = [\"blocked\", \"failed\"]\n\n{}",
        mails.port,
        webhook(&hooks.address, "").replace("SECRET", "{ env = \"HOOK_SECRET\" }")
    );
    std::fs::write(program.folder.path().join("settings.toml"), settings).unwrap();
    program.run(&["apply", "settings.toml"]).succeeded();
    program.run(&["apply", examples().join("hr.toml").to_str().unwrap()]).succeeded();
    let site = Site::start(program);
    site.program.run(&["run", "hr", "--wait"]).exited(3);
    let mail = mails.next();
    assert_eq!((&mail["tls"], &mail["signed_in"]), (&true.into(), &true.into()));
    let content = mail["content"].as_str().unwrap();
    assert!(content.contains("run 1 is blocked") && content.contains("/runs/1"), "{content}");
    assert!(!content.contains("lovelace") && !content.contains("1001"), "no personal data: {content}");
    hooks.wait_for(1)[0].is_signed_with(KEY);
    site.program.run(&["resume", "1", "--wait"]).succeeded();
    assert!(mails.next()["content"].as_str().unwrap().contains("is in order again"));
    assert_eq!(occasions(&hooks.wait_for(2)), ["blocked", "recovered"]);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(mails.is_empty() && hooks.received().len() == 2, "nothing is told twice");
}
