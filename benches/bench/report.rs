//! What was measured, as lines for people and programs.

use crate::Load;
use crate::support::muster::Measured;

/// Everything measured so far.
#[derive(Default)]
pub struct Report {
    /// By subject (`yardstick`, `A`, `B`), load, and repetition, in the order in which they came.
    rows: Vec<(&'static str, Load, Measured)>,
}

impl Report {
    /// Adds one load.
    pub fn add(&mut self, subject: &'static str, load: Load, measured: Measured) {
        self.rows.push((subject, load, measured));
    }

    /// Prints seconds per stage, then the lines `ratio A first 1.23`, `throughput A first 1234 MB/min` (then of export
    /// and of prepare alone) and `memory A 123 MiB`.
    pub fn print(&self) {
        let mut subjects: Vec<&str> = Vec::new();
        for (subject, ..) in &self.rows {
            if !subjects.contains(subject) {
                subjects.push(subject);
            }
        }
        self.print_stages(&subjects);
        subjects.retain(|subject| *subject != "yardstick");
        for &subject in &subjects {
            for load in Load::ALL {
                let Some(measured_by) = load.yardstick() else { continue };
                let muster = self.of(subject, load).map(|measured| measured.seconds);
                let yardstick = self.of("yardstick", measured_by).map(|measured| measured.seconds);
                if let Some(ratio) = median(muster.zip(yardstick).map(|(muster, yardstick)| muster / yardstick)) {
                    println!("ratio {subject} {} {ratio:.2}", load.name());
                }
            }
        }
        for &subject in &subjects {
            for load in [Load::First, Load::NoChange, Load::Delta] {
                for (words, stages) in
                    [("", &["export", "prepare"][..]), (" export", &["export"]), (" prepare", &["prepare"])]
                {
                    let figures = self.of(subject, load).filter_map(|measured| throughput(measured, stages));
                    if let Some(throughput) = median(figures) {
                        println!("throughput {subject} {}{words} {throughput:.0} MB/min", load.name());
                    }
                }
            }
        }
        for &subject in &subjects {
            let peaks = Load::ALL.into_iter().flat_map(|load| self.of(subject, load));
            let kib = peaks.filter_map(|measured| measured.peak_kib).max().unwrap_or(0);
            println!("memory {subject} {} MiB", kib.div_ceil(1024));
        }
    }

    /// A table of median seconds: a line for each subject and each of its stages, a column for each load.
    fn print_stages(&self, subjects: &[&str]) {
        let header = Load::ALL.map(|load| format!("{:>13}", load.name())).concat();
        println!("{:<30}{header}", "seconds (median)");
        for &subject in subjects {
            self.print_line(subject, |load| median(self.of(subject, load).map(|measured| measured.seconds)));
            for stage in self.stages(subject) {
                self.print_line(&format!("  {stage}"), |load| {
                    let seconds = |measured: &Measured| {
                        measured.stages.iter().find(|(name, _)| name == stage).map(|(_, seconds)| *seconds)
                    };
                    median(self.of(subject, load).filter_map(seconds))
                });
            }
        }
        println!();
    }

    fn print_line(&self, name: &str, seconds: impl Fn(Load) -> Option<f64>) {
        let column = |load| match seconds(load) {
            Some(seconds) => format!("{seconds:>13.2}"),
            None => format!("{:>13}", "-"),
        };
        println!("{name:<30}{}", Load::ALL.map(column).concat());
    }

    /// The stages of a subject, in the order of its loads: one may have more than another.
    fn stages(&self, subject: &str) -> Vec<&str> {
        let mut stages: Vec<&str> = Vec::new();
        for measured in Load::ALL.into_iter().flat_map(|load| self.of(subject, load)) {
            for (name, _) in &measured.stages {
                if !stages.contains(&name.as_str()) {
                    stages.push(name);
                }
            }
        }
        stages
    }

    fn of(&self, subject: &str, load: Load) -> impl Iterator<Item = &Measured> {
        self.rows.iter().filter(move |row| row.0 == subject && row.1 == load).map(|row| &row.2)
    }
}

/// How many megabytes of files these stages together go through in a minute, by the clock.
fn throughput(measured: &Measured, stages: &[&str]) -> Option<f64> {
    let stages = measured.stages.iter().filter(|(name, _)| stages.contains(&name.as_str()));
    let seconds: f64 = stages.map(|(_, seconds)| seconds).sum();
    Some(measured.feed_bytes? as f64 / 1e6 / seconds * 60.0)
}

/// The middle of some figures; between the two middle ones where their number is even.
fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let last = figures.len().checked_sub(1)?;
    Some((figures[last / 2] + figures[last.div_ceil(2)]) / 2.0)
}
