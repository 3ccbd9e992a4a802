//! A real source of every kind.

mod services;

use super::{Counterpart, Person};
use crate::support::directory::{self, ADMIN};
use crate::support::mariadb::{self, Mariadb};
use crate::support::postgres::{self, Postgres};
use crate::support::relay::Relay;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster::connectors::ConnectionRequest;
use muster::model::connection::ConnectionDefinition;
pub use services::{JsonService, ScimService};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use tempfile::TempDir;

/// After so many bytes a way to a server breaks: within the people, and after everything that comes before them.
const BREAK: u64 = 60_000;

/// A connection of a document, with its secret.
pub fn request(document: &str, secret: Option<(&str, &str)>) -> ConnectionRequest {
    let definition: ConnectionDefinition =
        toml::from_str(document).unwrap_or_else(|error| panic!("{document}: {error}"));
    ConnectionRequest {
        definition,
        secrets: secret.iter().map(|(name, secret)| ((*name).to_owned(), (*secret).to_owned())).collect(),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::new(),
        key_columns: BTreeMap::new(),
        matched_columns: BTreeMap::new(),
        pair_columns: BTreeMap::new(),
    }
}

/// The kind `files`: two files of CSV.
pub struct Feed(TempDir);

impl Feed {
    pub fn start(people: &[Person]) -> Box<dyn Counterpart> {
        let folder = tempfile::tempdir().unwrap();
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let line = |one: &Person| format!("{},{},{}\n", quote(&one.id), quote(&one.name), quote(&one.note));
        let text = format!("id,name,note\n{}", people.iter().map(line).collect::<String>());
        // In the middle of a value.
        let mut half = text.len() * 2 / 3;
        half = text[..half].rfind("is known").unwrap_or(half);
        fs::create_dir(folder.path().join("half")).unwrap();
        for (name, content) in
            [("people.csv", &text[..]), ("nobody.csv", "id,name,note\n"), ("half/people.csv", &text[..half])]
        {
            fs::write(folder.path().join(name), content).unwrap();
        }
        fs::write(folder.path().join("half/nobody.csv"), "id,name,note\n").unwrap();
        Box::new(Self(folder))
    }

    fn at(&self, folder: &str) -> ConnectionRequest {
        let folder = self.0.path().join(folder);
        request(
            &format!(
                "name = \"source\"\nkind = \"files\"\nfolder = {:?}\n\
                 table = [{{ name = \"people\", file = \"people.csv\" }}, {{ name = \"nobody\", file = \"nobody.csv\" }}]",
                folder.to_str().unwrap()
            ),
            None,
        )
    }
}

impl Counterpart for Feed {
    fn kind(&self) -> &'static str {
        "files"
    }

    fn columns(&self) -> [&'static str; 3] {
        ["id", "name", "note"]
    }

    fn request(&self) -> ConnectionRequest {
        self.at("")
    }

    fn breaking_off(&self) -> ConnectionRequest {
        self.at("half")
    }

    fn elsewhere(&self) -> ConnectionRequest {
        self.at("nowhere")
    }
}

/// The kind `ldap`: slapd.
pub struct Directory(directory::Directory);

impl Directory {
    pub fn start(people: &[Person]) -> Box<dyn Counterpart> {
        let mut ldif = String::new();
        for Person { id, name, note } in people {
            let base = |text: &str| STANDARD.encode(text);
            let name = base(name);
            write!(ldif, "dn: uid={id},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: {id}\n").unwrap();
            write!(ldif, "sn:: {name}\ncn:: {name}\n").unwrap();
            if !note.is_empty() {
                writeln!(ldif, "description:: {}", base(note)).unwrap();
            }
            ldif.push('\n');
        }
        Box::new(Self(directory::Directory::builder().entries(&ldif).start()))
    }

    fn at(&self, server: &str) -> ConnectionRequest {
        let attributes = "attributes = [\"uid\", \"cn\", \"description\"]";
        request(
            &format!(
                "name = \"source\"\nkind = \"ldap\"\nservers = [{server:?}]\nbind_dn = {ADMIN:?}\n\
                 [[table]]\nname = \"people\"\nbase = \"ou=people,dc=example,dc=org\"\n\
                 filter = \"(objectClass=inetOrgPerson)\"\n{attributes}\n\
                 [[table]]\nname = \"nobody\"\nbase = \"ou=groups,dc=example,dc=org\"\n\
                 filter = \"(objectClass=inetOrgPerson)\"\n{attributes}\n"
            ),
            Some(("bind_password", directory::PASSWORD)),
        )
    }
}

impl Counterpart for Directory {
    fn kind(&self) -> &'static str {
        "ldap"
    }

    fn columns(&self) -> [&'static str; 3] {
        ["uid", "cn", "description"]
    }

    fn request(&self) -> ConnectionRequest {
        self.at(&self.0.url())
    }

    fn breaking_off(&self) -> ConnectionRequest {
        let relay = Relay::breaking_after(BREAK, self.0.port());
        self.at(&format!("ldap://127.0.0.1:{}", relay.port))
    }

    fn elsewhere(&self) -> ConnectionRequest {
        self.at("ldap://127.0.0.1:1")
    }
}

const SQL_TABLES: &str = "\
[[table]]\nname = \"people\"\nquery = \"select id, name, note from people order by id\"\n\
[[table]]\nname = \"nobody\"\ntable = \"nobody\"\n";

/// Statements that make and fill the tables. MySQL's texts know escapes, and its client has its own idea of line ends.
fn sql(people: &[Person], note: &str, escaped: bool) -> String {
    let mut statements = String::new();
    for table in ["people", "nobody"] {
        writeln!(statements, "create table {table} (id varchar(20) primary key, name varchar(200), note {note});")
            .unwrap();
    }
    let quote = |text: &str| {
        let text = text.replace('\'', "''");
        format!(
            "'{}'",
            if escaped { text.replace('\\', "\\\\").replace('\r', "\\r").replace('\n', "\\n") } else { text }
        )
    };
    for part in people.chunks(100) {
        let row = |one: &Person| format!("({}, {}, {})", quote(&one.id), quote(&one.name), quote(&one.note));
        let rows: Vec<String> = part.iter().map(row).collect();
        writeln!(statements, "insert into people values {};", rows.join(", ")).unwrap();
    }
    statements
}

/// The kind `sql`: PostgreSQL.
pub struct PostgresServer(Postgres);

impl PostgresServer {
    pub fn start(people: &[Person]) -> Box<dyn Counterpart> {
        let database = Postgres::new();
        database.execute(&sql(people, "text", false));
        Box::new(Self(database))
    }

    fn at(&self, port: u16) -> ConnectionRequest {
        let document = format!(
            "name = \"source\"\nkind = \"sql\"\nsystem = \"postgresql\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             database = {:?}\nuser = \"postgres\"\n{SQL_TABLES}",
            self.0.name
        );
        request(&document, Some(("password", postgres::PASSWORD)))
    }
}

impl Counterpart for PostgresServer {
    fn kind(&self) -> &'static str {
        "sql"
    }

    fn columns(&self) -> [&'static str; 3] {
        ["id", "name", "note"]
    }

    fn request(&self) -> ConnectionRequest {
        self.at(self.0.port)
    }

    fn breaking_off(&self) -> ConnectionRequest {
        self.at(Relay::breaking_after(BREAK, self.0.port).port)
    }

    fn elsewhere(&self) -> ConnectionRequest {
        self.at(1)
    }
}

/// The kind `sql`: MariaDB.
pub struct MariadbServer(Mariadb);

impl MariadbServer {
    pub fn start(people: &[Person]) -> Box<dyn Counterpart> {
        let database = Mariadb::new();
        database.execute(&sql(people, "longtext", true));
        Box::new(Self(database))
    }

    fn at(&self, port: u16) -> ConnectionRequest {
        let document = format!(
            "name = \"source\"\nkind = \"sql\"\nsystem = \"mariadb\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             database = {:?}\nuser = \"reader\"\n{SQL_TABLES}",
            self.0.name
        );
        request(&document, Some(("password", mariadb::PASSWORD)))
    }
}

impl Counterpart for MariadbServer {
    fn kind(&self) -> &'static str {
        "sql"
    }

    fn columns(&self) -> [&'static str; 3] {
        ["id", "name", "note"]
    }

    fn request(&self) -> ConnectionRequest {
        self.at(self.0.port)
    }

    fn breaking_off(&self) -> ConnectionRequest {
        self.at(Relay::breaking_after(BREAK, self.0.port).port)
    }

    fn elsewhere(&self) -> ConnectionRequest {
        self.at(1)
    }
}

/// The kind `sql`: a file of SQLite.
pub struct DatabaseFile(TempDir);

impl DatabaseFile {
    pub fn start(people: &[Person]) -> Box<dyn Counterpart> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("whole.db");
        rusqlite::Connection::open(&file).unwrap().execute_batch(&sql(people, "text", false)).unwrap();
        let whole = fs::read(&file).unwrap();
        fs::write(folder.path().join("half.db"), &whole[..whole.len() * 2 / 3]).unwrap();
        Box::new(Self(folder))
    }

    fn at(&self, file: &str) -> ConnectionRequest {
        let file = self.0.path().join(file);
        let document = format!(
            "name = \"source\"\nkind = \"sql\"\nsystem = \"sqlite\"\nfile = {:?}\n{SQL_TABLES}",
            file.to_str().unwrap()
        );
        request(&document, None)
    }
}

impl Counterpart for DatabaseFile {
    fn kind(&self) -> &'static str {
        "sql"
    }

    fn columns(&self) -> [&'static str; 3] {
        ["id", "name", "note"]
    }

    fn request(&self) -> ConnectionRequest {
        self.at("whole.db")
    }

    fn breaking_off(&self) -> ConnectionRequest {
        self.at("half.db")
    }

    fn elsewhere(&self) -> ConnectionRequest {
        self.at("nowhere.db")
    }
}
