//! How long answers took, by kind: half of them at most, nineteen of twenty, the longest.

use std::collections::BTreeMap;
use std::time::Duration;

/// Everything measured so far, by when it was: idle, or busy.
#[derive(Default)]
pub struct Figures {
    times: Vec<(&'static str, Vec<Duration>)>,
    wrong: usize,
    by_when: BTreeMap<&'static str, Figures>,
}

impl Figures {
    /// Those of a time.
    pub fn when(&mut self, when: &'static str) -> &mut Figures {
        self.by_when.entry(when).or_default()
    }

    /// Adds one answer.
    pub fn add(&mut self, kind: &'static str, took: Duration) {
        match self.times.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, times)) => times.push(took),
            None => self.times.push((kind, vec![took])),
        }
    }

    /// Says what was wrong with an answer.
    pub fn note_wrong(&mut self, kind: &str, path: &str, what: &str) {
        self.wrong += 1;
        if self.wrong <= 20 {
            eprintln!("wrong: {kind}, {path}: {what}");
        }
    }

    /// How many answers were wrong.
    pub fn wrong(&self) -> usize {
        self.wrong + self.by_when.values().map(Figures::wrong).sum::<usize>()
    }

    /// A table, then the lines `p95 list first idle 12.3 ms`.
    pub fn print(&self) {
        let whens = ["idle", "busy"].into_iter().filter_map(|when| Some((when, self.by_when.get(when)?)));
        let whens: Vec<(&str, &Figures)> = whens.collect();
        println!("{:<22}{}", "milliseconds", whens.iter().map(|(when, _)| heading(when)).collect::<String>());
        let Some((_, first)) = whens.first() else { return };
        for (kind, _) in &first.times {
            let columns: String = whens.iter().map(|(_, figures)| figures.columns(kind)).collect();
            println!("{kind:<22}{columns}");
        }
        println!();
        for (when, figures) in &whens {
            for (kind, times) in &figures.times {
                println!("p95 {kind} {when} {:.1} ms", share(times, 0.95));
            }
        }
    }

    fn columns(&self, kind: &str) -> String {
        let Some((_, times)) = self.times.iter().find(|(known, _)| *known == kind) else {
            return format!("{:>8}{:>9}{:>9}{:>9}", 0, "-", "-", "-");
        };
        let [half, most, longest] = [0.5, 0.95, 1.0].map(|part| share(times, part));
        format!("{:>8}{half:>9.1}{most:>9.1}{longest:>9.1}", times.len())
    }
}

fn heading(when: &str) -> String {
    format!("{when:>8}{:>9}{:>9}{:>9}", "p50", "p95", "max")
}

/// The time, in milliseconds, that so large a part of the answers did not exceed.
fn share(times: &[Duration], part: f64) -> f64 {
    let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect();
    times.sort_by(f64::total_cmp);
    let position = (times.len() as f64 * part).ceil() as usize;
    times.get(position.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
