//! The keys of a `sql` connection and of its tables.

use super::{MAX_STATEMENT_SECONDS, MAX_TIMEOUT_SECONDS};
use crate::connectors::{Setting, SettingValue};

pub(in crate::connectors::sql) static CONNECTION: &[Setting] = &[
    Setting {
        name: "system",
        value: SettingValue::Choice(&["postgresql", "mysql", "mariadb", "sqlite"]),
        required: true,
        help: "Which database it is.",
    },
    Setting {
        name: "host",
        value: SettingValue::Text,
        required: false,
        help: "Name or address of the server; or socket.",
    },
    Setting {
        name: "port",
        value: SettingValue::Integer(1, 65_535),
        required: false,
        help: "Where the server listens (5432 for PostgreSQL, 3306 for MySQL and MariaDB if not given).",
    },
    Setting {
        name: "socket",
        value: SettingValue::Path,
        required: false,
        help: "A Unix socket instead of a host: PostgreSQL's folder, MySQL's file.",
    },
    Setting { name: "file", value: SettingValue::Path, required: false, help: "The database file of SQLite." },
    Setting {
        name: "database",
        value: SettingValue::Text,
        required: false,
        help: "The database's name on its server.",
    },
    Setting {
        name: "user",
        value: SettingValue::Text,
        required: false,
        help: "The user to sign in as; one that may read, and nothing else.",
    },
    Setting {
        name: "password",
        value: SettingValue::Secret,
        required: false,
        help: "The password that belongs to user.",
    },
    Setting {
        name: "tls",
        value: SettingValue::Choice(&["verify", "require", "none"]),
        required: false,
        help: "verify: encrypted, with a certificate that is checked; require: encrypted, whoever answers; none. \
               If not given: verify, and none for this machine.",
    },
    Setting {
        name: "ca_file",
        value: SettingValue::Path,
        required: false,
        help: "PEM file with the CA certificates to trust, and no others; without it those of the system.",
    },
    Setting {
        name: "timeout_seconds",
        value: SettingValue::Integer(1, MAX_TIMEOUT_SECONDS as i64),
        required: false,
        help: "The longest wait for a connection and the sign-in (30 if not given).",
    },
    Setting {
        name: "statement_seconds",
        value: SettingValue::Integer(1, MAX_STATEMENT_SECONDS as i64),
        required: false,
        help: "The longest time that reading one table may take; the server is told (3600 if not given).",
    },
];

pub(in crate::connectors::sql) static TABLE: &[Setting] = &[
    Setting {
        name: "table",
        value: SettingValue::Text,
        required: false,
        help: "A table or view, as the database has its name: hr.people; or query.",
    },
    Setting {
        name: "query",
        value: SettingValue::Text,
        required: false,
        help: "A select; each of its columns needs a name of its own.",
    },
    Setting {
        name: "watermark",
        value: SettingValue::Text,
        required: false,
        help: "For incremental runs: the column that grows with every change, such as updated_at.",
    },
    Setting {
        name: "overlap",
        value: SettingValue::Integer(0, 1_000_000_000),
        required: false,
        help: "How far before the last watermark is read again, since a slow transaction may come late: seconds for \
               dates and times, units for numbers (600 if not given).",
    },
    Setting {
        name: "deleted_where",
        value: SettingValue::Text,
        required: false,
        help: "A condition of SQL that is true for rows which count as deleted: deleted_at is not null.",
    },
];
