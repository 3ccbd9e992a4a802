//! What has happened before somebody looks: a fortnight of runs, told in chapters.
//!
//! A chapter says what changes in the organization, what is wrong with the files or the directory, and which runs
//! follow. How far the story has come stands in a file, so that an interrupted one goes on; a chapter that was begun is
//! told again from its beginning, which does no harm: the files become the same, and runs find nothing to do.

use super::company::Company;
use super::{campus, hr};

/// One chapter.
pub(super) struct Chapter {
    /// What happens, as the command line tells it.
    pub title: &'static str,
    /// What changes in the organization before.
    pub change: fn(&mut Company),
    /// What is wrong with HR's files.
    pub hr: hr::Flaw,
    /// What is wrong with the campus feed.
    pub campus: campus::Flaw,
    /// Whether the directory is out of reach.
    pub directory_down: bool,
    /// Connectors that run, in this order, and what is decided where a guard stops one.
    pub runs: &'static [(&'static str, Decision)],
}

/// What is decided about a run that a guard has stopped.
#[derive(Clone, Copy)]
pub(super) enum Decision {
    /// Nothing: whoever looks decides.
    Leave,
    /// It is applied, with these words.
    Resume(&'static str),
    /// It is refused, with these words.
    Discard(&'static str),
    /// It was only to be looked at: a dry run.
    Look,
    /// A dry run is applied without the changes of one property of one entity type, which are held, with these words.
    Hold {
        /// The entity type.
        scope: &'static str,
        /// The property.
        property: &'static str,
        /// The words.
        words: &'static str,
    },
    /// It was applied, and is reverted.
    Revert,
}

use Decision::{Discard, Hold, Leave, Look, Resume, Revert};

fn nothing(_: &mut Company) {}

const ORDINARY: Chapter = Chapter {
    title: "A night like others",
    change: Company::night,
    hr: hr::Flaw::None,
    campus: campus::Flaw::None,
    directory_down: false,
    runs: &[("hr", Leave), ("directory", Leave), ("campus", Leave)],
};

/// All chapters, in order.
pub(super) static STORY: &[Chapter] = &[
    Chapter {
        title: "Initial load: three connectors wait for a look, and are applied",
        change: nothing,
        hr: hr::Flaw::Usual,
        campus: campus::Flaw::StrayCards,
        runs: &[
            ("hr", Resume("Initial load: figures compared with the pay-roll. Go.")),
            ("directory", Resume("Initial load: sampled 20 accounts, all matched the right people.")),
            ("campus", Resume("Initial load. The four cards without a holder are known.")),
        ],
        ..ORDINARY
    },
    Chapter {
        title: "Joiners, leavers and a wedding",
        hr: hr::Flaw::Usual,
        campus: campus::Flaw::StrayCards,
        ..ORDINARY
    },
    Chapter { title: "A night without changes", change: nothing, hr: hr::Flaw::Usual, ..ORDINARY },
    Chapter {
        title: "A bad evening at HR: records are rejected, their people stay as they are",
        hr: hr::Flaw::BadRecords,
        ..ORDINARY
    },
    Chapter { title: "HR has mended its records", ..ORDINARY },
    Chapter {
        title: "HR's export broke off: a guard stops it, and it is refused",
        hr: hr::Flaw::Truncated,
        runs: &[("hr", Discard("The file ends in the middle. HR sends it again.")), ("campus", Leave)],
        ..ORDINARY
    },
    Chapter { title: "The whole file", change: nothing, ..ORDINARY },
    Chapter { title: "The directory is down: its run fails, nothing is changed", directory_down: true, ..ORDINARY },
    Chapter {
        title: "The directory is back, and so are three who had left",
        change: |company| {
            company.night();
            company.returners(3);
        },
        ..ORDINARY
    },
    Chapter { title: "One more ordinary night", ..ORDINARY },
    Chapter {
        title: "The campus feed shortens some cards by mistake: that is applied, seen, and reverted",
        change: nothing,
        campus: campus::Flaw::ShortCards,
        runs: &[("campus", Revert)],
        ..ORDINARY
    },
    Chapter {
        title: "A dry run of the directory, to be looked at",
        runs: &[("hr", Leave), ("directory", Look)],
        ..ORDINARY
    },
    Chapter {
        title: "The campus feed has lost a column: its run fails",
        campus: campus::Flaw::ColumnMissing,
        runs: &[("directory", Leave), ("hr", Leave), ("campus", Leave)],
        ..ORDINARY
    },
    Chapter {
        title: "HR gives a department addresses that do not work yet: the rest is applied, these are held",
        hr: hr::Flaw::NewDomain,
        campus: campus::Flaw::ColumnMissing,
        runs: &[(
            "hr",
            Hold {
                scope: "hr_person",
                property: "mail",
                words: "The new domain has no mail server yet; ask again in May.",
            },
        )],
        ..ORDINARY
    },
    Chapter {
        title: "HR has swapped two columns: a guard stops the run, and the decision is yours",
        hr: hr::Flaw::SwappedColumns,
        campus: campus::Flaw::ColumnMissing,
        runs: &[("hr", Leave)],
        ..ORDINARY
    },
];
