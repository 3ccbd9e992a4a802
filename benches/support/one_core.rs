//! One core for what is measured, so that a figure per core is one.

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Who has to share one core.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OneCore {
    /// Nobody.
    Nobody,
    /// Muster and what it starts; PostgreSQL may use all cores.
    Muster,
    /// PostgreSQL as well.
    All,
}

impl OneCore {
    /// Reads `ONE_CORE`.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "" => Self::Nobody,
            "muster" => Self::Muster,
            "all" => Self::All,
            other => bail!("ONE_CORE={other}: there are muster and all"),
        })
    }

    /// Confines the calling thread, and what it starts, for Muster's sake.
    pub fn for_muster(self) -> Result<Option<Confined>> {
        if self == Self::Nobody { Ok(None) } else { Confined::new().map(Some) }
    }

    /// Confines the calling thread, and what it starts, for PostgreSQL's sake.
    pub fn for_postgres(self) -> Result<Option<Confined>> {
        if self == Self::All { Confined::new().map(Some) } else { Ok(None) }
    }

    /// What is printed above the figures.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Nobody => None,
            Self::Muster => Some("Muster and what it starts share one core; PostgreSQL may use all"),
            Self::All => Some("Muster, what it starts and PostgreSQL share one core"),
        }
    }
}

/// The calling thread has one core as long as this lives. Processes and threads that it starts meanwhile keep to it.
pub struct Confined {
    before: CpuSet,
}

impl Confined {
    fn new() -> Result<Self> {
        let before = sched_getaffinity(this_thread()).context("cannot ask for the cores of this process")?;
        // Of those there are, the last: the system itself has most to do on the first.
        let mut cores = (0..CpuSet::count()).rev();
        let core = cores.find(|core| before.is_set(*core) == Ok(true)).context("this process has no core")?;
        let mut one = CpuSet::new();
        one.set(core)?;
        sched_setaffinity(this_thread(), &one).with_context(|| format!("cannot keep to core {core}"))?;
        Ok(Self { before })
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        // It had these cores before, so that this can't be refused.
        let _ = sched_setaffinity(this_thread(), &self.before);
    }
}

fn this_thread() -> Pid {
    Pid::from_raw(0)
}
