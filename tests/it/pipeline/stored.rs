//! What is stored, as readable lines in a fixed order, so that two moments or two databases can be compared.

use crate::support::program::{Program, Ran};
use diesel::prelude::*;
use diesel::sql_types::Text;
use muster::model::{connector, snapshot};
use muster::pipeline::index::key_digest;
use serde_json::Value;

/// Every row that a run may write or delete, each with the transaction that wrote it: the same list twice means that
/// nothing was written in between.
pub fn rows(muster: &Program) -> Vec<String> {
    lines(
        muster,
        "select 'resource ' || id || ' ' || xmin from resources
         union all select 'link ' || association_id || ' ' || from_id || ' ' || to_id || ' ' || xmin from links
         union all select 'person ' || id || ' ' || xmin from persons
         union all select 'group ' || id || ' ' || xmin from groups
         union all select 'nested ' || ancestor_id || ' ' || descendant_id || ' ' || xmin from group_closure
         union all select 'old resource ' || id || ' ' || ended_by_run_id || ' ' || xmin from resources_history
         union all select 'old link ' || from_id || ' ' || to_id || ' ' || ended_by_run_id || ' ' || xmin
           from links_history
         union all select 'old person ' || id || ' ' || ended_by_run_id || ' ' || xmin from persons_history
         union all select 'told ' || id || ' ' || xmin from outbox",
    )
}

/// Resources, links, persons and groups, told by keys and never by ids: two databases that went different ways to the
/// same state say the same.
pub fn state(muster: &Program) -> Vec<String> {
    lines(
        muster,
        "with named as (
           select r.id, r.person_id, e.name || ':' || r.key as key, r.attributes, r.line
             from resources r join entity_types e on e.id = r.entity_type_id
         ), known as (
           select p.id, coalesce(string_agg(n.key, '+' order by n.key), 'nobody') as keys
             from persons p left join named n on n.person_id = p.id group by p.id
         )
         select 'resource ' || key || ' of ' || coalesce(k.keys, 'nobody') || ' ' || attributes
           from named n left join known k on k.id = n.person_id
         union all
         select 'link ' || a.name || ' ' || coalesce(f.key, 'nothing') || ' > ' || coalesce(t.key, 'nothing')
           from links l join associations a on a.id = l.association_id
           left join named f on f.id = l.from_id left join named t on t.id = l.to_id
         union all
         select 'person ' || k.keys || ' ' || p.state || ' ' || p.fields || ' ' || jsonb_array_length(p.blocks)
           from persons p join known k on k.id = p.id
         union all
         select 'group ' || coalesce(n.key, 'local') || ' ' || g.name || ' ' || coalesce(g.profile_type, '-')
           from groups g left join named n on n.id = g.resource_id
         union all
         select 'nested ' || a.key || ' > ' || d.key || ' ' || c.depth
           from group_closure c
           join groups ga on ga.id = c.ancestor_id join named a on a.id = ga.resource_id
           join groups gd on gd.id = c.descendant_id join named d on d.id = gd.resource_id",
    )
}

/// The answers to a question with one column of text, sorted.
pub fn lines(muster: &Program, question: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        line: String,
    }
    let lines: Vec<Line> = diesel::sql_query(format!("select line from ({question}) lines (line) order by 1"))
        .load(&mut muster.database.connect())
        .unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

/// Writes to the database behind the program's back.
pub fn execute(muster: &Program, statement: &str) {
    use diesel::connection::SimpleConnection;
    muster.database.connect().batch_execute(statement).unwrap();
}

/// The one number that a question answers with.
pub fn count(muster: &Program, question: &str) -> i64 {
    lines(muster, &format!("select ({question})::text")).remove(0).parse().unwrap()
}

/// The run that a command reported, as JSON.
pub fn report(ran: &Ran) -> Value {
    ran.json().remove(0)
}

/// Starts a run of the connector and waits for it.
pub fn run(muster: &Program, connector: &str) -> Ran {
    muster.run(&["run", connector, "--wait", "--json"])
}

/// Resumes the blocked run that `blocked` reported; it must succeed.
#[track_caller]
pub fn resume(muster: &Program, blocked: &Ran) -> Value {
    let id = report(blocked)["id"].to_string();
    report(&muster.run(&["resume", &id, "--wait", "--json"]).succeeded())
}

/// Runs the connector, resumes what was blocked, and returns the applied run.
#[track_caller]
pub fn apply(muster: &Program, connector: &str) -> Value {
    let ran = run(muster, connector);
    if ran.code == 3 { resume(muster, &ran) } else { report(&ran.succeeded()) }
}

/// Figures of an entity type (`entity_types`) or association (`associations`) must be these; those not named, 0.
#[track_caller]
pub fn assert_figures(report: &Value, list: &str, name: &str, expected: &[(&str, u64)]) {
    let all = report[list].as_array().unwrap();
    let found = all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} in {report}"));
    for (figure, value) in found.as_object().unwrap().iter().filter(|(figure, _)| *figure != "name") {
        let wanted = expected.iter().find(|(name, _)| name == figure).map_or(0, |(_, value)| *value);
        assert_eq!(value.as_u64(), Some(wanted), "{figure} of {name} in {found}");
    }
}

/// What of the snapshots that hold does not say what is stored: nothing, ever. Tells how many hold.
#[track_caller]
pub fn assert_snapshots_hold(muster: &Program, context: &str) -> usize {
    let connection = &mut muster.database.connect();
    let mut holding = 0;
    for connector in connector::list(connection).unwrap() {
        let version = connector.configuration_version;
        let Some(snapshot) = snapshot::holding(connection, &connector, version).unwrap() else { continue };
        holding += 1;
        let content = std::fs::read(muster.folder.path().join("store").join(&snapshot.path)).unwrap();
        let told = told(&content);
        let stored = lines(
            muster,
            &format!(
                "select 'entity type ' || e.id || ' ' || coalesce(string_agg(format('%s %s %s %s %s', r.id, r.key,
                          coalesce(r.digest::text, '-'), coalesce(r.links_digest::text, '-'), r.person_id is null),
                          E'\t' order by r.id) filter (where r.id is not null), '')
                   from entity_types e left join digested_resources r on r.entity_type_id = e.id
                  where e.connector_id = {id} and not e.retired group by e.id
                 union all
                 select 'association ' || a.id || ' ' || count(l.from_id)
                   from associations a left join links l on l.association_id = a.id
                  where a.connector_id = {id} and not a.retired group by a.id",
                id = connector.id
            ),
        );
        // A snapshot knows keys by their digests alone.
        let stored: Vec<String> = stored.iter().map(|line| with_digests(line)).collect();
        assert_eq!(told, stored, "{context}");
    }
    holding
}

fn with_digests(line: &str) -> String {
    let Some(rest) = line.strip_prefix("entity type ") else { return line.to_owned() };
    let (id, rows) = rest.split_once(' ').unwrap();
    let row = |row: &str| {
        let fields: Vec<&str> = row.split(' ').collect();
        let digest = |field: &str| match field {
            "-" => "-".to_owned(),
            field => format!("{:032x}", field.parse::<uuid::Uuid>().unwrap().as_u128()),
        };
        let key = key_digest(fields[1]);
        format!("{} {key:032x} {} {} {}", fields[0], digest(fields[2]), digest(fields[3]), fields[4])
    };
    let rows: Vec<String> = rows.split('\t').filter(|row| !row.is_empty()).map(row).collect();
    format!("entity type {id} {}", rows.join("\t"))
}

/// A snapshot's content, as the lines of [`assert_snapshots_hold`].
fn told(content: &[u8]) -> Vec<String> {
    let mut rest = content.strip_prefix(b"MUSTSNP1").unwrap();
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at(count);
        rest = after;
        taken.to_vec()
    };
    let mut number = |bytes: usize| {
        let mut wide = [0; 16];
        wide[..bytes].copy_from_slice(&take(bytes));
        u128::from_le_bytes(wide)
    };
    let (entity_types, associations) = (number(4), number(4));
    let mut lines = Vec::new();
    for _ in 0..entity_types {
        let (id, keys) = (number(4), number(8));
        let mut rows: Vec<(u128, String)> = Vec::new();
        for _ in 0..keys {
            let [key, digest, links, id, flags] = [16, 16, 16, 8, 1].map(&mut number);
            let known =
                |flag: u128, digest: u128| if flags & flag == 0 { format!("{digest:032x}") } else { "-".into() };
            let nobody = if flags & 4 == 0 { "f" } else { "t" };
            rows.push((id, format!("{id} {key:032x} {} {} {nobody}", known(1, digest), known(2, links))));
        }
        rows.sort();
        let rows: Vec<String> = rows.into_iter().map(|(_, row)| row).collect();
        lines.push(format!("entity type {id} {}", rows.join("\t")));
    }
    for _ in 0..associations {
        lines.push(format!("association {} {}", number(4), number(8)));
    }
    lines.sort();
    lines
}
