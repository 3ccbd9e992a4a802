//! What names tell: of columns, of tables, and how properties are called after them.

/// Profile fields with the names that columns have for them, bare: without anything but letters and digits, in lower
/// case. The first that is there counts.
pub(super) const FIELDS: &[(&str, &[&str])] = &[
    (
        "user_name",
        &[
            "login",
            "username",
            "uid",
            "samaccountname",
            "loginname",
            "logon",
            "logonname",
            "account",
            "accountname",
            "userid",
            "netid",
            "benutzername",
            "userprincipalname",
        ],
    ),
    (
        "employee_id",
        &[
            "employeeid",
            "employeenumber",
            "employeeno",
            "employeenr",
            "empid",
            "empno",
            "personnelnumber",
            "personnelno",
            "staffid",
            "staffnumber",
            "workerid",
            "personalnummer",
            "pernr",
            "studentid",
            "studentnumber",
            "matriculationnumber",
            "matrikelnummer",
        ],
    ),
    ("given_name", &["givenname", "firstname", "forename", "vorname", "prenom"]),
    ("family_name", &["surname", "familyname", "lastname", "sn", "nachname", "nom", "familienname"]),
    ("display_name", &["displayname", "fullname", "cn", "commonname", "anzeigename", "name"]),
    ("mail", &["mail", "email", "emailaddress", "mailaddress", "primaryemail", "workemail", "rfc822mailbox"]),
    (
        "phone",
        &["phone", "telephone", "telephonenumber", "phonenumber", "tel", "workphone", "businessphone", "telefon"],
    ),
    ("mobile", &["mobile", "mobilephone", "mobilenumber", "cell", "cellphone", "mobil", "handy"]),
    ("title", &["title", "jobtitle", "position", "jobname", "jobdescription", "funktion"]),
    ("department", &["departmenttitle", "departmentname", "department", "dept", "deptname", "ou", "abteilung"]),
    ("location", &["location", "office", "site", "city", "town", "locality", "standort", "ort", "l"]),
    ("country", &["country", "countrycode", "countryname", "land", "co", "c"]),
    ("language", &["language", "preferredlanguage", "lang", "locale", "sprache"]),
    ("time_zone", &["timezone", "tz", "zeitzone"]),
    ("photo", &["jpegphoto", "thumbnailphoto", "photo"]),
];

/// Words for something else that a row belongs to or stands under.
const LINKS: &[&str] = &[
    "manager",
    "supervisor",
    "boss",
    "superior",
    "parent",
    "lead",
    "head",
    "owner",
    "division",
    "department",
    "dept",
    "member",
    "unit",
    "team",
    "group",
    "location",
    "company",
    "site",
    "building",
    "vorgesetzte",
    "abteilung",
    "org",
];
const GROUPS: &[&str] = &["group", "club", "team", "role", "committee", "mailinglist", "gruppe", "verteiler"];
const ORGANIZATIONS: &[&str] = &["department", "division", "organi", "unit", "facult", "abteilung", "costcent", "dept"];
const USERS: &[&str] = &["person", "people", "user", "employee", "staff", "student", "worker", "mitarbeiter"];
/// What numbers are called that nobody adds up.
const IDENTIFIERS: &[&str] = &[
    "id",
    "no",
    "nr",
    "num",
    "number",
    "code",
    "key",
    "phone",
    "tel",
    "mobile",
    "fax",
    "zip",
    "postal",
    "plz",
    "ext",
    "extension",
    "room",
    "pin",
    "badge",
    "card",
    "account",
    "ssn",
    "nummer",
];

/// A name without anything but letters and digits, in lower case.
pub(super) fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether it ends or begins with what identifiers are called.
pub(super) fn is_identifier(column: &str) -> bool {
    let words = words(column);
    let told = words.iter().any(|word| IDENTIFIERS.contains(&word.as_str()));
    told || IDENTIFIERS.iter().any(|known| known.len() > 2 && bare(column).ends_with(known))
}

/// Whether a column is called as what leads to rows of `table`, by its key `key`.
pub(super) fn leads_to(column: &str, table: &str, key: &str) -> bool {
    let bare_column = bare(column);
    let table = bare(table);
    let singular = table.strip_suffix("ies").or_else(|| table.strip_suffix('s')).unwrap_or(&table);
    bare_column == bare(key)
        || (singular.len() > 2 && bare_column.contains(singular))
        || LINKS.iter().any(|word| bare_column.contains(word))
}

/// What rows of a table of that name may be.
pub(super) fn is_of_users(table: &str) -> bool {
    USERS.iter().any(|word| bare(table).contains(word))
}

/// What rows of a table of that name may be.
pub(super) fn is_of_groups(table: &str) -> bool {
    GROUPS.iter().any(|word| bare(table).contains(word))
}

/// What rows of a table of that name may be.
pub(super) fn is_of_organizations(table: &str) -> bool {
    ORGANIZATIONS.iter().any(|word| bare(table).contains(word))
}

/// Whether a word that is yes or no is asked for.
pub(super) fn asks(column: &str) -> bool {
    let first = words(column).into_iter().next().unwrap_or_default();
    ["is", "has", "active", "enabled", "disabled", "aktiv"].contains(&first.as_str())
}

/// How likely a column is the key by its name, 0 to 100.
pub(super) fn key_likeness(column: &str, table: &str) -> u32 {
    let bare_column = bare(column);
    let is = |field: &str| FIELDS.iter().any(|(name, called)| *name == field && called.contains(&bare_column.as_str()));
    let table = bare(table);
    let singular = table.strip_suffix('s').unwrap_or(&table);
    if ["entryuuid", "objectguid", "guid", "uuid", "immutableid"].contains(&bare_column.as_str()) {
        100
    } else if is("employee_id") {
        90
    } else if singular.len() > 2 && bare_column.starts_with(singular) && is_identifier(column) {
        85
    } else if bare_column == "id" || bare_column == "key" || bare_column.ends_with("id") {
        80
    } else if is("user_name") {
        60
    } else if bare_column == "dn" {
        20
    } else if is_identifier(column) {
        70
    } else if is("mail") {
        30
    } else if is("display_name") || is("family_name") || bare_column == "title" || bare_column == "description" {
        15
    } else {
        40
    }
}

/// What a property is called after its column: `GivenName` → `given_name`; other than all of `taken`.
pub(super) fn property(column: &str, taken: &[String]) -> String {
    let name: String = words(column).join("_").chars().take(80).collect();
    let name = if name.is_empty() { "column".to_owned() } else { name };
    let mut number = 1;
    let mut other = name.clone();
    while taken.contains(&other) {
        number += 1;
        other = format!("{name}_{number}");
    }
    other
}

/// What an association is called after its column: `ManagerId` → `manager`.
pub(super) fn association(column: &str, taken: &[String]) -> String {
    let mut words = words(column);
    let is_suffix = |word: &String| ["id", "code", "key", "no", "nr", "number", "dn", "uid"].contains(&word.as_str());
    if words.len() > 1 && words.last().is_some_and(is_suffix) {
        words.pop();
    }
    property(&words.join("_"), taken)
}

/// The words of a name, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            before = ' ';
            continue;
        }
        let begins = !before.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase());
        if begins || words.is_empty() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_called_after_columns() {
        let name = |column: &str| property(column, &[]);
        assert_eq!(name("GivenName"), "given_name");
        assert_eq!(name("E-Mail (work)"), "e_mail_work");
        assert_eq!(name("entryUUID"), "entry_uuid");
        assert_eq!(name("STRASSE"), "strasse");
        assert_eq!(name("\u{1f600}"), "column");
        assert_eq!(property("Given Name", &["given_name".into()]), "given_name_2");
        assert_eq!(association("ManagerId", &[]), "manager");
        assert_eq!(association("Id", &[]), "id");
    }

    #[test]
    fn names_tell_keys_and_links() {
        assert!(key_likeness("EmployeeId", "people") > key_likeness("Login", "people"));
        assert!(key_likeness("Code", "departments") > key_likeness("Title", "departments"));
        assert!(leads_to("ManagerId", "people", "EmployeeId") && leads_to("club", "clubs", "code"));
        assert!(!leads_to("Floor", "people", "EmployeeId"));
        assert!(is_identifier("PhoneNumber") && is_identifier("ZIP") && !is_identifier("Hours"));
    }
}
