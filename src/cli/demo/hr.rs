//! The files that HR sends every night: `people.csv` and `departments.tsv`.

use super::company::{Company, Person, Standing};
use anyhow::Context as _;
use csv::WriterBuilder;
use std::fs;
use std::path::Path;

/// What is wrong with the files of a night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Nothing.
    None,
    /// What HR has lived with for years.
    Usual,
    /// Some records were typed badly.
    BadRecords,
    /// The export broke off.
    Truncated,
    /// One department has addresses of a domain that nobody serves.
    NewDomain,
    /// Given names stand under `Surname`, and surnames under `GivenName`; the department's addresses are as they were in
    /// [`Flaw::NewDomain`].
    SwappedColumns,
}

const HEADER: &[&str] = &[
    "EmployeeId",
    "Login",
    "GivenName",
    "Surname",
    "Email",
    "Phone",
    "Title",
    "Department",
    "DepartmentTitle",
    "ManagerId",
    "Location",
    "Country",
    "HireDate",
    "Status",
    "Languages",
];
const GIVEN_NAME: usize = 2;
const SURNAME: usize = 3;
const EMAIL: usize = 4;
const DEPARTMENT: usize = 7;
const MANAGER: usize = 9;
const HIRE_DATE: usize = 12;
/// How many lines of an export that broke off are there.
const TRUNCATED_AFTER: usize = 1_310;

/// Writes both files into `folder`. One record always stands there twice.
pub(super) fn write(folder: &Path, company: &Company, flaw: Flaw) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let mut rows: Vec<Vec<String>> = company
        .people
        .iter()
        .filter(|person| matches!(person.standing, Standing::Employed | Standing::Applicant))
        .map(|person| row(company, person))
        .collect();
    if let Some(twice) = rows.get(1_200).cloned() {
        rows.insert(1_201, twice);
    }
    match flaw {
        Flaw::None => {}
        Flaw::Usual => usual_flaws(&mut rows),
        Flaw::BadRecords => bad_records(&mut rows),
        Flaw::Truncated => rows.truncate(TRUNCATED_AFTER),
        Flaw::NewDomain => new_domain(&mut rows),
        Flaw::SwappedColumns => {
            new_domain(&mut rows);
            rows.iter_mut().for_each(|row| row.swap(GIVEN_NAME, SURNAME));
        }
    }
    let mut people = csv::Writer::from_path(folder.join("people.csv"))?;
    people.write_record(HEADER)?;
    for row in &rows {
        people.write_record(row)?;
    }
    people.flush()?;
    let mut departments = WriterBuilder::new().delimiter(b'\t').from_path(folder.join("departments.tsv"))?;
    departments.write_record(["Code", "Title", "Division"])?;
    for department in &company.departments {
        let division = department.division.map_or("", |division| company.departments[division].code.as_str());
        departments.write_record([&department.code, department.title, division])?;
    }
    departments.flush()?;
    Ok(())
}

fn row(company: &Company, person: &Person) -> Vec<String> {
    let department = &company.departments[person.department];
    vec![
        person.number.to_string(),
        person.login.clone(),
        person.given.to_owned(),
        person.family.to_owned(),
        person.mail(),
        person.phone(),
        person.title.to_owned(),
        department.code.clone(),
        department.title.to_owned(),
        person.manager.map_or_else(String::new, |manager| manager.to_string()),
        person.place.town.to_owned(),
        person.place.country.to_owned(),
        person.hired.format("%d/%m/%Y").to_string(),
        if person.standing == Standing::Applicant { "applicant" } else { "employed" }.to_owned(),
        person.place.languages.to_owned(),
    ]
}

/// Two addresses that are none, and a department that was closed.
fn usual_flaws(rows: &mut [Vec<String>]) {
    for (position, mail) in [(411, "n/a"), (1_702, "see secretariat")] {
        set(rows, position, EMAIL, mail);
    }
    set(rows, 903, DEPARTMENT, "D99");
}

/// The department of the first row moves to a domain of its own.
fn new_domain(rows: &mut [Vec<String>]) {
    let Some(department) = rows.first().map(|row| row[DEPARTMENT].clone()) else { return };
    for row in rows.iter_mut().filter(|row| row[DEPARTMENT] == department) {
        row[EMAIL] = row[EMAIL].replace('@', "@new.");
    }
}

/// A bad evening at HR: dates as another country writes them, missing surnames, a number given twice, managers unknown.
fn bad_records(rows: &mut Vec<Vec<String>>) {
    usual_flaws(rows);
    for position in [120, 560, 561, 1_333, 1_890] {
        set(rows, position, HIRE_DATE, "2026-31-12");
    }
    for position in [77, 1_450] {
        set(rows, position, SURNAME, "");
    }
    for position in [300, 301, 302] {
        set(rows, position, MANAGER, "9999");
    }
    if let Some(mut other) = rows.get(800).cloned() {
        other[SURNAME].push_str("-Nobody");
        rows.insert(801, other);
    }
    set(rows, 1_010, 0, "");
}

fn set(rows: &mut [Vec<String>], position: usize, column: usize, value: &str) {
    if let Some(row) = rows.get_mut(position) {
        row[column] = value.to_owned();
    }
}
