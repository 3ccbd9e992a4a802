//! Documents that are right, and every way in which one is wrong: told at its place, all at once.

use super::*;
use crate::connectors;
use crate::model::notification::Occasion;
use proptest::prelude::*;
use std::path::Path;

const HR: &str = include_str!("../../tests/fixtures/examples/hr.toml");
const CAMPUS: &str = include_str!("../../tests/fixtures/examples/campus.toml");
const DIRECTORY: &str = include_str!("../../tests/fixtures/examples/directory.toml");
const ACTIVE_DIRECTORY: &str = include_str!("../../tests/fixtures/examples/active_directory.toml");
const SETTINGS: &str = include_str!("../../tests/fixtures/examples/settings.toml");

/// Stands where an error is expected; it is taken out before the document is read.
const HERE: char = '»';

#[test]
fn the_example_connectors_are_accepted_as_they_stand() {
    let examples = [("hr", HR), ("campus", CAMPUS), ("directory", DIRECTORY), ("active_directory", ACTIVE_DIRECTORY)];
    for (name, text) in examples {
        let Document::Connector { text: stored, definition } = parsed(text) else { panic!("{name} is a connector's") };
        assert_eq!(definition.name, name);
        assert_eq!(connector(&stored).unwrap(), definition, "{name}: what is stored says the same");
    }
}

#[test]
fn a_connector_starts_by_arrival_or_takes_files_that_are_sent() {
    let text = "name = \"hr\"\n»[[connection]]\nname = \"lies\"\nkind = \"files\"\nfolder = \"/f\"\non_arrival = true\n\
                [[connection.table]]\nname = \"a\"\nfile = \"a.csv\"\n\
                [[connection]]\nname = \"sent\"\nkind = \"files\"\nupload = true\n[[connection.table]]\nname = \"b\"\n";
    assert_error(text, None, "\"lies\" starts runs when its files arrive (on_arrival), and \"sent\" waits for files");
}

#[test]
fn the_example_settings_are_accepted_as_they_stand() {
    let Document::Settings { text, definition } = parsed(SETTINGS) else { panic!("these are settings") };
    assert_eq!(text, SETTINGS);
    assert_eq!(definition.jobs.len(), 2);
    assert_eq!(definition.profile_fields[0].sources, ["directory", "hr"]);
    assert_eq!(definition.retention.extractions_days, 90);
    assert_eq!(toml::from_str::<SettingsDefinition>(SETTINGS).unwrap(), definition);
}

#[test]
fn guards_that_a_connector_leaves_out_are_those_of_the_settings() {
    let text =
        "[thresholds]\nmaximum_deleted_lines = 7\nmax_percentage_updated_lines = 0.5\n[guards]\nheader = false\n";
    let Document::Settings { definition, .. } = parsed(text) else { panic!("guards alone are settings") };
    let silent = connector_under(&without(CAMPUS, "[thresholds]"), &definition).unwrap();
    assert_eq!(silent.thresholds, definition.thresholds);
    assert_eq!((silent.thresholds.maximum_deleted_lines, silent.thresholds.maximum_inserted_lines), (7, 100));
    let own =
        connector_under(&(without(CAMPUS, "[thresholds]") + "[thresholds]\nmaximum_deleted_lines = 9\n"), &definition)
            .unwrap();
    assert_eq!((own.thresholds.maximum_deleted_lines, own.thresholds.max_percentage_updated_lines), (9, 0.5));
}

#[test]
fn an_action_keeps_a_guard_with_the_defaults_of_the_settings_too() {
    let Document::Settings { definition, .. } = parsed("[thresholds]\nmaximum_deleted_lines = 0\n") else {
        panic!("guards alone are settings")
    };
    let text = without(CAMPUS, "[thresholds]") + "[thresholds]\nmax_percentage_deleted_lines = 0\n";
    connector(&text).unwrap();
    let errors = connector_under(&text, &definition).unwrap_err();
    assert!(errors.to_string().contains("keep at least one above 0"), "{errors}");
    let none = "[thresholds]\nmaximum_link_deleted_lines = 0\nmax_percentage_link_deleted_lines = »0\n";
    assert_error(none, None, "keep at least one above 0");
}

/// The document without a section.
fn without(text: &str, section: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line.starts_with(section);
        }
        if !inside {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

#[test]
fn both_ways_of_reading_agree() {
    for text in [HR, CAMPUS, DIRECTORY] {
        let Document::Connector { text, mut definition } = parsed(text) else { panic!("a connector's") };
        // Found out by the kinds of its connections, not read: of these, only a directory can tell what changed.
        assert_eq!(definition.whole_table.take().is_some(), text != DIRECTORY);
        assert_eq!(toml::from_str::<ConnectorDefinition>(&text).unwrap(), definition);
    }
}

#[test]
fn nothing_but_relative_paths_changes_in_the_stored_text() {
    let Document::Connector { text, definition } = parsed(HR) else { panic!("a connector's") };
    assert_eq!(text, HR.replace("\"feeds/hr\"", "\"/srv/config/feeds/hr\""));
    assert_eq!(definition.connections[0].settings["folder"], "/srv/config/feeds/hr");
    let elsewhere = parse(&text, Some(Path::new("/another/place"))).unwrap();
    assert_eq!(elsewhere.text(), text, "absolute paths stay");
}

#[test]
fn a_stored_document_may_not_hold_relative_paths() {
    assert_error(&HR.replace("\"feeds/hr\"", "»\"feeds/hr\""), None, "lies in no folder");
}

#[test]
fn a_file_of_a_secret_is_relative_to_the_document_too() {
    let text = SETTINGS.replace("{ env = \"HOOK_SECRET\" }", "{ file = \"secrets/./hook\" }");
    assert!(parsed(&text).text().contains("secret = { file = \"/srv/config/secrets/hook\" }"));
}

/// What is replaced in the document for human resources, by what, and what is said about it.
const BROKEN: &[(&str, &str, &str)] = &[
    // syntax
    ("complete_job = \"used\"", "complete_job = \"used", "in \"complete_job = \\\"used"),
    // keys and types
    ("display_name = \"HR system\"", "»displayname = \"HR system\"", "did you mean \"display_name\"?"),
    ("display_name = \"HR system\"", "»zzz = 1", "\"zzz\" is not a key of a connector's document; there are name,"),
    ("display_name = \"HR system\"", "display_name = »5", "display_name takes a text in quotes, not 5"),
    ("display_name = \"HR system\"", "display_name = »\"\"", "display_name is empty"),
    ("complete_job = \"used\" ", "complete_job = »\"usd\" ", "takes \"used\" or \"not_used\", not \"usd\""),
    ("first_run = true ", "first_run = »\"yes\" ", "first_run takes true or false, not \"yes\""),
    ("grace_days = 0", "grace_days = »-1", "grace_days takes a whole number from 0 to 3650, not -1"),
    ("true_values = [\"Y\", \"yes\", \"1\"]", "true_values = »\"Y\"", "true_values takes a list of texts"),
    ("[thresholds] ", "[»threshold] ", "did you mean \"thresholds\"?"),
    ("  [entity_type.users] ", "  [entity_type.»user] ", "did you mean \"users\"?"),
    // names
    ("name = \"hr\"", "name = »\"h\\tr\"", "holds a control character"),
    ("name = \"hr\"", "name = »\" hr\"", "begins or ends with a space"),
    ("name = \"hr\"", "name = »\"..\"", "can't be part of an address"),
    ("name = \"feed\"", "name = »\"fe.ed\"", "holds '/' or '.'"),
    ("name = \"departments\"", "name = »\"people\"", "a [[connection.table]] named \"people\" stands above"),
    ("name = \"surname\"", "name = »\"given_name\"", "a [[entity_type.property]] named \"given_name\" stands above"),
    ("name = \"manager\"", "name = »\"department\"", "a [[association]] named \"department\" stands above"),
    ("name = \"hr_person\"", "name = »\"hr_department\"", "a [[entity_type]] named \"hr_department\" stands above"),
    // limits
    ("maximum_inserted_lines = 200", "maximum_inserted_lines = »-1", "takes a whole number from 0"),
    (
        "max_percentage_deleted_lines = 3",
        "max_percentage_deleted_lines = »101",
        "takes a number from 0 to 100, not 101",
    ),
    (
        "max_percentage_deleted_lines = 3",
        "max_percentage_deleted_lines = »0\nmaximum_deleted_lines = 0",
        "maximum_deleted_lines and max_percentage_deleted_lines are both 0, which leaves no guard",
    ),
    (
        "maximum_inserted_lines = 200",
        "maximum_link_updated_lines = 0\nmax_percentage_link_updated_lines = »0.0",
        "which leaves no guard",
    ),
    ("reject_percentage = 5", "reject_percentage = »nan", "reject_percentage takes a number"),
    (
        "[[association]]\nname = \"manager\"",
        "[[association]]\nthresholds = { maximum_deleted_lines = »5 }\nname = \"manager\"",
        "is about resources; an association counts links",
    ),
    // connections
    ("kind = \"files\"", "kind = »\"file\"", "there is no kind of connection \"file\"; write \"files\","),
    ("kind = \"files\"", "kind = \"files\"\n»uplod = true", "did you mean \"upload\"?"),
    ("folder = \"feeds/hr\"", "folder = »7", "folder takes a path in quotes, not 7"),
    ("file = \"people.csv\"", "file = \"people.csv\"\n»encodin = \"x\"", "did you mean \"encoding\"?"),
    ("file = \"people.csv\"", "file = \"people.csv\"\nencoding = »\"runes\"", "encoding takes \"utf-8\""),
    ("folder = \"feeds/hr\"", "folder = \"feeds/hr\"\nupload = true", "either folder = \"…\" or upload = true"),
    ("file = \"people.csv\" ", "separator = \";\" #", "say which file of the folder it is"),
    ("file = \"people.csv\"", "file = \"people.csv\"\nseparator = \"ab\"", "\"ab\" is no separator"),
    // associations
    (
        "column = \"ManagerId\"",
        "column = \"ManagerId\"\nexpression = »\"row.ManagerId\"",
        "column and expression exclude",
    ),
    ("column = \"ManagerId\"", "expression = »\"lowr(row.ManagerId)\"", "did you mean lower?"),
    ("column = \"ManagerId\"", "expression = \"row.ManagerId\"\nseparator = »\";\"", "only with column"),
    (
        "column = \"ManagerId\"",
        "expression = \"row.ManagerId\"\nfrom_column = »\"a\"",
        "expression and from_column exclude",
    ),
    // entity types and properties
    ("source = \"feed.people\"", "source = »\"feed.peeple\"", "did you mean \"feed.people\"?"),
    ("name = \"given_name\"", "name = \"given_name\"\n  key = »true", "\"employee_id\" is the key already"),
    (
        "column = \"GivenName\"",
        "column = \"GivenName\"\n  constant = »\"x\"",
        "column and constant exclude one another",
    ),
    ("type = \"date\"", "type = »\"day\"", "type takes \"text\", \"integer\""),
    ("format = \"%d/%m/%Y\"", "format = »\"%Q\"", "format "),
    ("pattern = \"[^@\\\\s]+@[^@\\\\s]+\"", "pattern = »\"[\"", "is not a regular expression"),
    ("separator = \";\"", "separator = »\"\"", "separator is empty"),
    ("multivalued = true\n  separator = \";\"", "separator = »\";\"", "separator needs multivalued = true"),
    ("multivalued = true", "multivalued = true\n  unique = »true", "can't be multivalued or binary"),
    (
        "expression = \"lower(row.Login)\"",
        "expression = »\"lower(row.Login\"",
        "expression \"lower(row.Login\", line 1",
    ),
    ("expression = \"lower(row.Login)\"", "expression = »\"lwer(row.Login)\"", "lwer"),
    ("represents = \"users\"", "represents = \"users\"\nwhere = »\"row.x ==\"", "where \"row.x ==\", line 1"),
    ("false_values = [\"N\",", "false_values = »[\"y\",", "true_values and in false_values"),
    (
        "column = \"GivenName\"",
        "column = \"GivenName\"\n  time_zone = »\"UTC\"",
        "only with type = \"datetime\" or \"date\"",
    ),
    // what it means
    ("represents = \"users\"", "represents = »\"groups\"", "needs [entity_type.groups]"),
    ("represents = \"organizations\"", "represents = »\"users\"", "needs [entity_type.users]"),
    ("mail = \"mail\"\n", "mail = »\"email\"\n", "has no property \"email\"; did you mean \"mail\"?"),
    ("mail = \"mail\"\n", "photo = »\"mail\"\n", "type = \"binary\""),
    ("{ property = \"mail\", ", "{ property = »\"maill\", ", "did you mean \"mail\"?"),
    ("{ property = \"mail\", ", "{ property = »\"languages\", ", "can't find a person"),
    ("{ property = \"mail\", field = \"mail\",", "»{ property = \"mail\",", "needs field = \"…\""),
    ("on_missing = \"block\" ", "on_missing = »\"forget\" ", "takes \"block\", \"delete\" or \"keep\""),
    // associations
    ("to = \"hr_department\"", "to = »\"hr_departments\"", "did you mean \"hr_department\"?"),
    ("to = \"hr_department\"", "to = [\"hr_department\", »\"hr_department\"]", "stands there twice"),
    ("to = \"hr_department\"", "to = »[]", "to names no entity type"),
    ("to = \"hr_department\"", "to = \"hr_department\"\nmatch = »\"title\"", "is not unique"),
    ("to = \"hr_department\"", "to = \"hr_department\"\nmembership = »true", "a membership goes from groups"),
    (
        "column = \"ManagerId\"",
        "column = \"ManagerId\"\nto_column = »\"x\"",
        "column and to_column exclude one another",
    ),
    ("column = \"ManagerId\"", "column = \"ManagerId\"\nseparator = »\";\"", "the cardinality allows one"),
];

#[test]
fn every_mistake_is_told_at_its_place() {
    for (from, to, says) in BROKEN {
        assert!(HR.contains(from), "{from:?} stands in hr.toml");
        assert_error(&HR.replacen(from, to, 1), Some(Path::new("/srv/config")), says);
    }
}

#[test]
fn what_is_missing_is_told_where_it_should_stand() {
    let without = |part: &str| HR.replacen(part, "", 1);
    for (text, line_of, says) in [
        (
            without("  key = true                 # the primary key: unique, immutable\n"),
            "[[entity_type]]",
            "has no key",
        ),
        (without("  column = \"GivenName\"\n"), "[[entity_type.property]]", "the property has no origin"),
        (without("kind = \"files\"\n"), "[[connection]]", "[[connection]] needs kind"),
        (without("column = \"ManagerId\"\n"), "[[association]]", "the association \"manager\" has no pairs"),
        (
            without("column = \"Department\"\n")
                .replace("to = \"hr_department\"", "to = \"hr_department\"\nfrom_column = \"x\""),
            "[[association]]",
            "source is missing",
        ),
    ] {
        let DocumentErrors(errors) = parse(&text, Some(Path::new("/srv"))).unwrap_err();
        let error = errors.iter().find(|error| error.message.contains(says)).unwrap_or_else(|| panic!("{errors:?}"));
        let line = text.lines().nth(error.line - 1).unwrap();
        assert!(line.trim_start().starts_with(line_of), "{error} is at {line:?}");
    }
    let DocumentErrors(errors) = parse("", None).unwrap_err();
    let all = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for missing in ["needs name", "has no [[connection]]", "has no [[entity_type]]"] {
        assert!(all.contains(missing), "{all}");
    }
}

#[test]
fn settings_are_checked_likewise() {
    for (from, to, says) in [
        ("cron = \"0 0 * * *\"", "cron = »\"0 25 * * *\"", "is not a schedule"),
        ("cron = \"0 0 * * *\"", "cron = »\"0 0 0 * * *\"", "is not a schedule"),
        ("time_zone = \"UTC\"", "time_zone = »\"Mars\"", "is not a time zone"),
        ("mode = \"complete\"", "mode = »\"replay\"", "takes \"complete\" or \"incremental\""),
        ("name = \"incremental\"", "name = »\"complete\"", "a [[job]] named \"complete\" stands above"),
        ("[\"directory\", \"hr\"] ", "[\"hr\", »\"hr\"] ", "stands there twice"),
        ("name = \"phone\"", "name = \"phone\"\neditable_by = »\"person\"", "a field with sources can't be edited"),
        ("name = \"phone\"", "name = \"phone\"\ntype = »\"date\"", "exists from the start, as text"),
        ("extractions_days = 90", "extractions_days = »-3", "takes a whole number from 0 to 36500"),
        ("url = \"http://127.0.0.1:9999/hook\"", "url = »\"ftp://x\"", "is not an address"),
        (
            "secret = { env = \"HOOK_SECRET\" }",
            "secret = »\"hunter2\"",
            "secret is a secret and never stands in a document",
        ),
        ("secret = { env = \"HOOK_SECRET\" }", "secret = »{ env = \"A\", file = \"/b\" }", "exactly one of them"),
        ("\"failed\", \"late\"", "»\"fialed\", \"late\"", "\"fialed\" is nothing to be told of"),
        ("kind = \"webhook\"", "kind = »\"pigeon\"", "kind takes \"webhook\""),
        ("[\"blocked\", \"failed\", \"late\"]", "»[\"recovered\"]", "nothing is over that was not told before"),
        ("url = \"http://127.0.0.1:9999/hook\"", "url = »\"https://ada:hunter2@x\"", "no user and no password"),
        ("[retention]", "[»retentions]", "did you mean \"retention\"?"),
    ] {
        assert!(SETTINGS.contains(from), "{from:?} stands in settings.toml");
        assert_error(&SETTINGS.replacen(from, to, 1), Some(Path::new("/srv")), says);
    }
}

const MAIL: &str = r#"
[[notification]]
name = "operators"
kind = "mail"
server = "mail.example.org"
port = 2525
tls = "tls"
user = "muster"
password = { env = "MAIL_PASSWORD" }
from = "muster@example.org"
to = ["ada@example.org", "grace@example.org"]
on = ["blocked"]
connectors = ["hr"]
"#;

#[test]
fn mail_is_a_notification_too() {
    let Document::Settings { definition, .. } = parsed(&format!("{SETTINGS}{MAIL}")) else { panic!("no settings") };
    let mail = &definition.notifications[1];
    assert_eq!((mail.name(), mail.channel.kind(), mail.recovered), ("operators", "mail", true));
    assert!(mail.tells_of(Occasion::Blocked, "hr") && !mail.tells_of(Occasion::Blocked, "campus"));
    assert_eq!(toml::from_str::<SettingsDefinition>(&format!("{SETTINGS}{MAIL}")).unwrap(), definition);
    for (from, to, says) in [
        ("\"mail.example.org\"", "»\"smtp://mail\"", "is not the name of a server"),
        ("port = 2525", "port = »0", "takes a whole number from 1 to 65535"),
        ("tls = \"tls\"", "tls = »\"ssl\"", "tls takes \"starttls\", \"tls\" or \"none\""),
        ("tls = \"tls\"", "tls = »\"none\"", "not sent in the clear"),
        ("user = \"muster\"\n", "", "needs the user who signs in with it"),
        ("{ env = \"MAIL_PASSWORD\" }", "»\"hunter2\"", "password is a secret"),
        ("\"muster@example.org\"", "»\"muster\"", "is not an address"),
        ("\"grace@example.org\"", "»\"Grace <grace@example.org>\"", "is not an address"),
        ("to = [\"ada@example.org\", \"grace@example.org\"]", "to = »[]", "needs to ="),
        ("name = \"operators\"", "name = »\"webhook\"", "a [[notification]] named \"webhook\" stands above"),
    ] {
        assert!(MAIL.contains(from), "{from:?} stands in the document");
        assert_error(&format!("{SETTINGS}{}", MAIL.replacen(from, to, 1)), None, says);
    }
}

#[test]
fn a_secret_in_a_document_is_not_repeated() {
    let text = SETTINGS.replace("{ env = \"HOOK_SECRET\" }", "\"hunter2\"");
    assert!(!parse(&text, None).unwrap_err().to_string().contains("hunter2"));
    let text = DIRECTORY.replace("{ env = \"DIRECTORY_PASSWORD\" }", "\"hunter2\"");
    let errors = parse(&text, None).unwrap_err().to_string();
    assert!(errors.contains("bind_password is a secret") && !errors.contains("hunter2"), "{errors}");
}

#[test]
fn several_values_in_a_column_need_a_key_that_is_a_column() {
    let text = DIRECTORY.replace("  column = \"entryUUID\"\n", "  expression = \"lower(row.entryUUID)\"\n");
    assert_error(&text.replace("column = \"member\"", "column = »\"member\""), None, "\"ldap_group\" computes its key");
}

#[test]
fn a_kind_checks_what_only_it_understands() {
    for (from, to, says) in [
        ("(objectClass=inetOrgPerson)", "(objectClass=", "is not an LDAP filter"),
        ("ldap://127.0.0.1:3389", "http://127.0.0.1:3389", "begins with none of ldap://, ldaps:// and ldapi://"),
        ("bind_dn = \"cn=admin,dc=example,dc=org\"\n", "", "whose password is it?"),
    ] {
        let text = DIRECTORY.replace(from, to).replace("[[connection]]", "»[[connection]]");
        assert_error(&text, None, says);
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = HR
        .replace("name = \"hr\"", "name = 1")
        .replace("\"feed.people\"", "\"feed.x\"")
        .replace("\"%d/%m/%Y\"", "\"%Q\"")
        .replace("to = \"hr_department\"", "to = \"nowhere\"");
    let DocumentErrors(errors) = parse(&text, Some(Path::new("/srv"))).unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors.is_sorted());
    let told = DocumentErrors(errors).in_file("hr.toml");
    assert!(told.starts_with("hr.toml:4:8: name takes a text in quotes, not 1\nhr.toml:"), "{told}");
}

#[test]
fn columns_are_counted_in_characters() {
    let text = HR.replace("to = \"hr_department\"", "to = [\"hr_person\", \"ÄÖ健\", »\"nowhere\"]");
    assert_error(&text, Some(Path::new("/srv")), "there is no entity type \"nowhere\"");
}

#[test]
fn a_document_has_bounds() {
    let text = format!("# {}\n{HR}", "x".repeat(LONGEST));
    assert!(parse(&text, None).unwrap_err().to_string().contains("the most is"));
    let deep = format!("x = {}", "[".repeat(100_000));
    assert!(parse(&deep, None).is_err(), "nested beyond reason, told and not crashed");
}

#[test]
fn every_kind_is_known_by_its_name() {
    for kind in connectors::KINDS {
        assert_eq!(connectors::kind(kind.name()).unwrap().name(), kind.name());
    }
}

proptest! {
    #[test]
    fn what_is_stored_is_stored_unchanged_again(
        name in "[^\\p{C}\"\\\\ ]{1,20}",
        folder in "[^\\p{C}\"\\\\]{1,20}",
        end in prop_oneof![Just("\n"), Just(""), Just("\r\n"), Just("\n\n# end")],
    ) {
        prop_assume!(name != "." && name != ".." && name.trim() == name);
        let text = HR
            .replace("name = \"hr\"", &format!("name = \"{name}\""))
            .replace("\"feeds/hr\"", &format!("\"{folder}\""));
        let text = format!("{}{end}", text.trim_end());
        let once = parse(&text, Some(Path::new("/srv/config"))).unwrap();
        let twice = parse(once.text(), Some(Path::new("/elsewhere"))).unwrap();
        prop_assert_eq!(once.text(), twice.text());
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-z\\[\\]{}=\"'.\\n#0-9 »]{0,200}", at in 0..HR.len()) {
        let _ = parse(&text, None);
        let at = (at..).find(|at| HR.is_char_boundary(*at)).unwrap();
        let _ = parse(&format!("{}{text}{}", &HR[..at], &HR[at..]), None);
    }
}

fn parsed(text: &str) -> Document {
    parse(text, Some(Path::new("/srv/config"))).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The document has an error at [`HERE`] that says so.
#[track_caller]
fn assert_error(marked: &str, folder: Option<&Path>, says: &str) {
    let text = marked.replace(HERE, "");
    let DocumentErrors(errors) = parse(&text, folder).expect_err(says);
    let error = errors.iter().find(|error| error.message.contains(says));
    let error = error.unwrap_or_else(|| panic!("no error says {says:?} but: {errors:#?}"));
    let Some(at) = marked.find(HERE) else { return };
    let line = marked[..at].matches('\n').count() + 1;
    let column =
        marked[..at].lines().last().filter(|_| !marked[..at].ends_with('\n')).unwrap_or("").chars().count() + 1;
    assert_eq!((error.line, error.column), (line, column), "{error}");
}
