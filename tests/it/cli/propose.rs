//! Proposals: what is guessed from files is accepted as it stands, and its first run has no problems.

use crate::support::program::Program;
use serde_json::Value;
use std::path::Path;

/// Proposes, applies, runs and resumes; gives the document and the run as it ended.
fn proposed(program: &Program, folder: &Path, name: &str) -> (String, Value) {
    let document = program.run(&["propose", folder.to_str().unwrap(), "--name", name]).succeeded().stdout;
    program.run_with_stdin(&["apply", "-"], &document).succeeded();
    let run = program.run(&["run", name, "--wait", "--json"]).exited(3).json().remove(0);
    assert_eq!(problems(&run), 0, "{document}\n{run:#}");
    let guards: Vec<&str> =
        run["breaches"].as_array().unwrap().iter().map(|one| one["guard"].as_str().unwrap()).collect();
    assert_eq!(guards, ["first_run"], "{document}");
    let id = run["id"].to_string();
    let done = program.run(&["resume", &id, "--wait", "--json"]).succeeded().json().remove(0);
    assert_eq!(done["state"], "completed", "{document}\n{done:#}");
    (document, done)
}

fn problems(run: &Value) -> u64 {
    run["problems"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

fn figure(run: &Value, of: &str, name: &str, figure: &str) -> u64 {
    let found = run[of].as_array().unwrap().iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {run:#}"))[figure].as_u64().unwrap()
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn a_folder_of_files_in_several_formats_is_read_as_it_stands() {
    let program = Program::new();
    let folder = program.folder.path().join("feed");
    // Western European, with semicolons, commas in numbers, and words for yes and no.
    let people: String = (0..120_u32)
        .map(|i| {
            let boss = if i == 0 { String::new() } else { format!("P{:04}", i / 10) };
            format!(
                "P{i:04};Zoë {i};Müller{i};m{i}@firma.example;{:02}.{:02}.1980;{},5;{};{boss}\r\n",
                i % 28 + 1,
                i % 12 + 1,
                i % 40,
                if i.is_multiple_of(3) { "ja" } else { "nein" }
            )
        })
        .collect();
    let people = format!("Personalnummer;Vorname;Nachname;E-Mail;Geburtstag;Stunden;Aktiv;Vorgesetzter\r\n{people}");
    let latin: Vec<u8> = people.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    write(&folder, "mitarbeiter.csv", latin);
    let groups: Vec<Value> =
        (0..6).map(|i| serde_json::json!({ "code": format!("G{i}"), "title": format!("Group {i}") })).collect();
    write(&folder, "groups.json", serde_json::json!({ "groups": groups }).to_string());
    let rooms: String = (0..4).map(|i| format!("<room><number>R{i}</number><floor>{i}</floor></room>")).collect();
    write(&folder, "rooms.xml", format!("<rooms>{rooms}</rooms>"));
    let pairs: String = (0..60).map(|i| format!("P{:04}\tG{}\n", i, i % 6)).collect();
    write(&folder, "members.tsv", format!("person\tgroup\n{pairs}"));

    let (document, run) = proposed(&program, &folder, "werk");
    for line in ["encoding = \"windows-1252\"", "separator = \";\"", "format = \"%d.%m.%Y\"", "record = \"room\""] {
        assert!(document.contains(line), "{line} does not stand in\n{document}");
    }
    assert_eq!(figure(&run, "entity_types", "mitarbeiter", "inserted"), 120);
    assert_eq!(figure(&run, "associations", "vorgesetzter", "inserted"), 119);
    assert_eq!(figure(&run, "associations", "members", "inserted"), 60);
    assert_eq!(run["persons"]["created"], 120);
    let users = program.run(&["user", "list", "--json"]).succeeded().json();
    let zoe = users.iter().find(|user| user["fields"]["employee_id"] == "P0007").unwrap();
    assert_eq!(zoe["fields"]["display_name"], "Zoë 7 Müller7");
    assert_eq!(zoe["groups"][0]["name"], "Group 1", "{zoe}");
    // The same files again change nothing.
    let again = program.run(&["run", "werk", "--wait", "--json"]).succeeded().json().remove(0);
    assert_eq!(figure(&again, "entity_types", "mitarbeiter", "unchanged"), 120);
}

#[test]
fn what_is_guessed_is_told_with_its_evidence_and_single_files_can_be_named() {
    let program = Program::new();
    let folder = program.folder.path().join("feed");
    write(&folder, "people.csv", "id,mail\n1,ada@example.org\n2,grace@example.org\n");
    write(&folder, "other.csv", "x\n1\n");
    let file = folder.join("people.csv");
    let told = program.run(&["propose", file.to_str().unwrap(), "--json"]).succeeded().json().remove(0);
    let document = told["document"].as_str().unwrap();
    assert!(document.contains("people.csv") && !document.contains("other.csv"), "{document}");
    let key = told["guesses"].as_array().unwrap().iter().find(|one| one["subject"] == "people.id").unwrap();
    assert!(key["evidence"].as_str().unwrap().starts_with("unique and never empty in 2 rows"), "{key}");
    program.run(&["propose", "nowhere"]).exited(4).says("there is no such file or folder");
    write(&folder, "broken.csv", "a,b\n\"1,2\n");
    program.run(&["propose", folder.join("broken.csv").to_str().unwrap()]).exited(1).says("broken.csv");
}

#[test]
fn the_demonstrations_feeds_are_proposed_and_read() {
    let demo = Program::new();
    demo.run(&["demo", "--no-serve"]).succeeded();
    let program = Program::new();
    let (hr, run) = proposed(&program, &demo.folder.path().join("demo/hr"), "hr");
    for line in [
        "represents = \"users\"",
        "represents = \"organizations\"",
        "department = \"department_title\"",
        "employee_id = \"employee_id\"",
        "separator = \";\"",
    ] {
        assert!(hr.contains(line), "{line} does not stand in\n{hr}");
    }
    assert!(run["persons"]["created"].as_u64().unwrap() > 2_000, "{run:#}");
    assert!(figure(&run, "associations", "manager", "inserted") > 2_000, "{run:#}");
    let (campus, _) = proposed(&program, &demo.folder.path().join("demo/campus"), "campus");
    assert!(campus.contains("record = \"club\""), "{campus}");
}
