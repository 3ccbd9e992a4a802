//! Rules of the house that the compiler does not know. Each failure quotes its rule; ARCHITECTURE.md has the reasons.

use std::fs;
use std::path::{Path, PathBuf};

/// A module imports only modules to its left, so that a circle can't be written.
const ORDER: &[&str] = &[
    "schema",
    "config",
    "secret",
    "db",
    "values",
    "model",
    "store",
    "connectors",
    "document",
    "pipeline",
    "jobs",
    "web",
    "app",
    "cli",
    "main",
];
/// Longer files hide a second noun. The schema is generated.
const MOST_LINES: usize = 450;

/// A file of the source tree.
struct Source {
    /// Below `src`: `model/run.rs`.
    path: String,
    /// As it stands.
    text: String,
    /// Without comments and without its `mod tests`.
    code: String,
}

impl Source {
    /// The first module on the way to it.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    fn is_below(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            self.path == *place || self.path == format!("{place}.rs") || self.path.starts_with(&format!("{place}/"))
        })
    }
}

#[test]
fn modules_import_only_what_stands_before_them() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module() != "lib") {
        let place = ORDER.iter().position(|module| *module == source.module());
        let Some(place) = place else {
            wrong.push(format!("src/{}: the module {} has no place in the order", source.path, source.module()));
            continue;
        };
        for imported in imported(source) {
            if ORDER.iter().position(|module| *module == imported).is_some_and(|other| other > place) {
                wrong.push(format!("src/{} imports {imported}", source.path));
            }
        }
    }
    assert_rule(&wrong, &format!("a module imports only modules to its left: {}", ORDER.join(" < ")));
}

#[test]
fn lib_declares_the_modules_in_import_order() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, ORDER[..ORDER.len() - 1], "src/lib.rs lists the modules in import order");
}

#[test]
fn libraries_stay_behind_their_fences() {
    let fences: &[(&str, &[&str], &str)] = &[
        ("apalis", &["jobs/queue"], "the queue's library is known to jobs/queue alone, so that it can be changed"),
        ("actix_", &["web", "app"], "HTTP is known to web, and to app, which starts it"),
        ("askama", &["web"], "templates are filled by pages"),
        ("ldap3", &["connectors/ldap"], "directories are read in connectors/ldap"),
        ("tokio_postgres", &["connectors/sql/postgres"], "sources in PostgreSQL are read in connectors/sql/postgres"),
        ("mysql_async", &["connectors/sql/mysql"], "MySQL and MariaDB are read in connectors/sql/mysql"),
        ("rusqlite", &["connectors/sql/sqlite"], "SQLite is read in connectors/sql/sqlite"),
        ("object_store", &["store"], "where extractions lie is known to store alone"),
        ("lettre", &["jobs/announcing/mail"], "mail is written and sent in one place"),
        (
            "reqwest",
            &["jobs/announcing/webhook", "connectors/http", "web/provider"],
            "requests leave the house in three places",
        ),
        ("openidconnect", &["web/provider"], "what an OpenID provider says is understood in web/provider"),
        ("totp_rs", &["web/one_time_code"], "codes that change with time are made in one place"),
        ("chacha20poly1305", &["secret/sealing"], "what is sealed at rest, is sealed in one place"),
        ("cel", &["values/expression"], "expressions are evaluated in values/expression"),
        ("calamine", &["connectors/files/sheet"], "spreadsheets are read in connectors/files/sheet"),
        (
            "zip",
            &["connectors/files/packing", "connectors/files/tests/packed"],
            "archives are opened in connectors/files/packing",
        ),
        ("image::", &["values/photo"], "photos are unpacked and drawn anew in values/photo"),
        ("argon2", &["web/password"], "passwords are hashed in one place"),
    ];
    for (library, places, rule) in fences {
        let wrong: Vec<String> = sources()
            .iter()
            .filter(|source| !source.is_below(places) && names_library(&source.code, library))
            .map(|source| format!("src/{} names {library}", source.path))
            .collect();
        assert_rule(&wrong, rule);
    }
}

#[test]
fn kinds_of_connections_never_see_each_other() {
    let sources = sources();
    let kind = |source: &Source| {
        let name = source.path.strip_prefix("connectors/")?.strip_suffix(".rs")?;
        source.code.contains("impl ConnectionKind for").then(|| name.to_owned())
    };
    let kinds: Vec<String> = sources.iter().filter_map(kind).collect();
    assert!(kinds.len() >= 4, "{kinds:?}");
    let mut wrong = Vec::new();
    for own in &kinds {
        for source in sources.iter().filter(|source| source.is_below(&[&format!("connectors/{own}")])) {
            let others = kinds.iter().filter(|other| *other != own);
            let sees = |other: &&String| {
                let from_above =
                    source.path == format!("connectors/{own}.rs") && source.code.contains(&format!("super::{other}::"));
                from_above || source.code.contains(&format!("connectors::{other}::"))
            };
            wrong.extend(others.filter(sees).map(|other| format!("src/{} sees the kind {other}", source.path)));
        }
    }
    assert_rule(&wrong, "kinds of connections never import each other; what two need is no kind (connectors/http)");
}

#[test]
fn whoever_writes_to_resources_outside_of_a_run_says_so() {
    let writes = |code: &str| {
        ["update", "delete from", "insert into"].iter().any(|verb| {
            ["resources", "links"].iter().any(|table| {
                let statement = format!("{verb} {table}");
                code.match_indices(&statement).any(|(at, found)| {
                    !code[at + found.len()..].starts_with(|next: char| next == '_' || next.is_alphanumeric())
                })
            })
        })
    };
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| !source.is_below(&["pipeline/synchronize"]) && !source.is_test())
        .filter(|source| writes(&source.code) && !source.code.contains("snapshot::touch("))
        .map(|source| format!("src/{}", source.path))
        .collect();
    assert_rule(&wrong, "what writes to resources or links, other than applying a run, calls model::snapshot::touch");
}

#[test]
fn statements_stand_in_the_layers_of_data() {
    const TYPES: &[&str] = &[
        "diesel::pg::PgConnection",
        "diesel::PgConnection",
        "diesel::QueryResult",
        "diesel::result::",
        "diesel::r2d2::PoolError",
    ];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_below(&["schema", "db", "model", "pipeline", "jobs"])) {
        for line in source.code.lines().filter(|line| line.contains("diesel::") || line.contains("crate::schema")) {
            let rest = TYPES.iter().fold(line.to_owned(), |rest, name| rest.replace(name, ""));
            if rest.contains("diesel::") || rest.contains("crate::schema") {
                wrong.push(format!("src/{}: {}", source.path, line.trim()));
            }
        }
    }
    assert_rule(
        &wrong,
        "statements stand in db, model, pipeline and jobs; elsewhere diesel's connection and errors may be named, \
         nothing else",
    );
}

#[test]
fn time_is_a_parameter() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| source.code.contains("Utc::now()") && !source.is_below(&["jobs", "web", "cli", "app"]))
        .map(|source| format!("src/{} asks for the time", source.path))
        .collect();
    assert_rule(&wrong, "Utc::now() is asked at the edges (jobs, web, cli, app); below, time is a parameter");
}

#[test]
fn files_are_small() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| source.path != "schema.rs")
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(source, lines)| format!("src/{} has {lines} lines", source.path))
        .collect();
    assert_rule(&wrong, &format!("a file of more than {MOST_LINES} lines hides a second noun: find it"));
}

#[test]
fn data_never_panics() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| !source.is_test())
        .flat_map(|source| {
            let calls = [".unwrap()", ".expect(\"", "panic!(", "todo!(", "unimplemented!(", "dbg!("];
            let found = calls.into_iter().filter(|call| source.code.contains(call));
            found.map(|call| format!("src/{} has {call}", source.path)).collect::<Vec<_>>()
        })
        .collect();
    assert_rule(&wrong, "bad input gets an error that says what, where, and what to do; no panic outside tests");
}

#[test]
fn every_page_has_its_template_of_the_same_name() {
    let pages: Vec<Source> = sources().into_iter().filter(|source| source.path.starts_with("web/pages/")).collect();
    let mut wrong = Vec::new();
    for page in &pages {
        let name = page.path["web/pages/".len()..].trim_end_matches(".rs");
        for used in page.code.split("path = \"pages/").skip(1).filter_map(|rest| rest.split('"').next()) {
            if used != format!("{name}.html") {
                wrong.push(format!("src/{} fills templates/pages/{used}", page.path));
            }
        }
    }
    for template in files("templates/pages", "html") {
        let name = template.file_stem().unwrap().to_str().unwrap();
        let filled = format!("path = \"pages/{name}.html\"");
        if !pages.iter().any(|page| page.path == format!("web/pages/{name}.rs") && page.code.contains(&filled)) {
            wrong.push(format!("templates/pages/{name}.html has no src/web/pages/{name}.rs that fills it"));
        }
    }
    assert_rule(&wrong, "one page = one file in src/web/pages = one template of the same name");
}

#[test]
fn templates_hold_no_style_no_script_and_no_raw_values() {
    let mut wrong = Vec::new();
    for template in files("templates", "html").into_iter().chain(files("templates", "svg")) {
        let text = fs::read_to_string(&template).unwrap();
        for (position, line) in text.lines().enumerate() {
            let squeezed: String = line.split_whitespace().collect();
            let inline_script = line.contains("<script") && !line.contains("<script src=");
            let handler = [" onclick=", " onload=", " onsubmit=", " onchange=", " oninput=", "javascript:"];
            let styled = line.contains(" style=") || line.contains("<style");
            if squeezed.contains("|safe") || inline_script || styled || handler.iter().any(|it| line.contains(it)) {
                wrong.push(format!("{}:{}: {}", template.display(), position + 1, line.trim()));
            }
        }
    }
    assert_rule(
        &wrong,
        "templates escape every value, and hold no inline style or script: the Content-Security-Policy forbids them, \
         in SVG too",
    );
}

#[track_caller]
fn assert_rule(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "The rule: {rule}.\nBroken here:\n  {}", wrong.join("\n  "));
}

/// The top-level modules that a file names: by `crate::…`, or by `super::…` that leaves its own module.
fn imported(source: &Source) -> Vec<String> {
    let code: String = source.code.split_whitespace().collect::<Vec<_>>().join(" ").replace(":: ", "::");
    let mut found: Vec<String> = code.split("crate::").skip(1).flat_map(first_names).collect();
    // The file `model/run.rs` is two levels below the root: `super::super::x` is the root's `x`.
    let levels = source.path.trim_end_matches(".rs").split('/').count();
    let to_the_root = "super::".repeat(levels);
    for (position, _) in code.match_indices(&to_the_root) {
        if !code[..position].ends_with("super::") {
            found.extend(first_names(&code[position + to_the_root.len()..]));
        }
    }
    found
}

/// `a::b` names a; `{a::{b, c}, d}` names a and d.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (position, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&group[start..position]));
                start = position + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// `cel::` and `cel;`, but not `parcel::`.
fn names_library(code: &str, library: &str) -> bool {
    code.match_indices(library).any(|(position, _)| {
        let before = code[..position].chars().next_back();
        let after = &code[position + library.len()..];
        let whole = library.ends_with('_') || after.starts_with("::") || after.starts_with('_');
        whole && !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

fn sources() -> Vec<Source> {
    let folder = root().join("src");
    files("src", "rs")
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code = own.lines().map(without_comment).collect::<Vec<_>>().join("\n");
            let path = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            Source { path, code, text }
        })
        .collect()
}

/// `//` within a text in quotes begins no comment: addresses have it.
fn without_comment(line: &str) -> &str {
    match line.find("//") {
        Some(start) if line[..start].matches('"').count().is_multiple_of(2) => &line[..start],
        _ => line,
    }
}

/// All files of that ending below a folder of the repository.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_rules_are_looked_for_where_they_can_be_broken() {
    let source = |path: &str, code: &str| Source { path: path.into(), code: code.into(), text: code.into() };
    assert_eq!(imported(&source("a/b.rs", "use crate::{db::{self, Db},\n web};")), ["db", "web"]);
    assert_eq!(imported(&source("a/b.rs", "use super::super::web::links; use super::c;")), ["web"]);
    assert_eq!(imported(&source("a.rs", "use super::web; let x = crate::app::App;")), ["app", "web"]);
    assert!(names_library("use cel::Program;", "cel") && !names_library("use parcel::Program;", "cel"));
    assert!(names_library("actix_web::web", "actix_") && !names_library("crate::web::actix_x", "actix_"));
    assert_eq!(without_comment("let a = \"http://b\"; // c"), "let a = \"http://b\"; // c");
    assert_eq!(without_comment("let a = b; // actix_web"), "let a = b; ");
    assert!(sources().len() > 100);
}
