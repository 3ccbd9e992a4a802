//! Charts, computed here and drawn by the templates as SVG: places and heights in, no style, colours by class.

use super::elements::look;
use super::links;
use super::words;
use crate::model::counters::Counters;
use crate::model::overview::{PopulationStep, RunSummary};
use chrono::{DateTime, Utc};

/// The last runs of a connector: one bar each, its height the root of its duration, its colour the state.
pub struct Strip {
    /// Width of the view.
    pub width: u32,
    /// Height of the view.
    pub height: u32,
    /// What the picture says, for those who don't see it.
    pub label: String,
    /// The bars, the oldest first.
    pub bars: Vec<StripBar>,
}

/// One run in a strip.
pub struct StripBar {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// How high.
    pub height: u32,
    /// The class of its colour.
    pub tone: &'static str,
    /// The run's page.
    pub href: String,
    /// What it stands for.
    pub title: String,
}

const BARS: u32 = 20;
const STEP: u32 = 9;
const HEIGHT: u32 = 32;

impl Strip {
    /// The strip of these runs, the oldest first.
    pub fn new(runs: &[RunSummary], now: DateTime<Utc>) -> Self {
        let shown = &runs[runs.len().saturating_sub(BARS as usize)..];
        let root = |run: &RunSummary| {
            let began = run.started_at.unwrap_or(run.created_at);
            let span = run.ended_at().unwrap_or(now) - began;
            (span.num_milliseconds().max(0) as f64).sqrt()
        };
        let longest = shown.iter().map(root).fold(1.0, f64::max);
        let offset = BARS - shown.len() as u32;
        let bars = shown.iter().zip(offset..).map(|(run, position)| {
            let height = (6.0 + root(run) / longest * f64::from(HEIGHT - 6)).round() as u32;
            let state = words::state(run.state);
            StripBar {
                x: position * STEP,
                y: HEIGHT - height,
                height,
                tone: look(run.state).0,
                href: links::run(run.id),
                title: format!("Run {}: {state}, {}", run.id, run.created_at.format("%-d %b %H:%M UTC")),
            }
        });
        let bars: Vec<StripBar> = bars.collect();
        let label = format!("Last {} of {}", words::counted(bars.len() as u64, "run", "runs"), BARS);
        Self { width: BARS * STEP, height: HEIGHT, label, bars }
    }
}

/// Changes per run: inserts and updates up, deletes down, with the guard's lines.
pub struct ChangesChart {
    /// Height of the whole.
    pub height: u32,
    /// Where up and down meet.
    pub base: u32,
    /// One column per run.
    pub columns: Vec<Column>,
    /// Lines to orient by.
    pub ticks: Vec<Tick>,
    /// The guard's lines.
    pub guards: Vec<Tick>,
}

/// One run of a chart.
pub struct Column {
    /// Left edge.
    pub x: u32,
    /// Its parts.
    pub parts: Vec<Part>,
    /// The run's page.
    pub href: String,
    /// What it stands for.
    pub title: String,
    /// The run.
    pub run: String,
    /// Whether its changes were not applied.
    pub tone: &'static str,
    /// Figures for the table beside the chart: inserted, updated, deleted.
    pub figures: [u64; 3],
}

/// One part of a column.
pub struct Part {
    /// `insert`, `update` or `delete`.
    pub kind: &'static str,
    /// Upper edge.
    pub y: u32,
    /// How high.
    pub height: u32,
}

/// A line across a chart.
pub struct Tick {
    /// Where.
    pub y: u32,
    /// What it says.
    pub label: String,
}

/// Inserted, updated and deleted resources of a run.
pub fn totals(counters: &Counters) -> [u64; 3] {
    let sum = |of: fn(&crate::model::counters::EntityTypeCounters) -> u64| counters.entity_types.iter().map(of).sum();
    [sum(|one| one.inserted), sum(|one| one.updated), sum(|one| one.deleted + one.deleted_by_command)]
}

impl ChangesChart {
    /// The chart of these runs, the oldest first. `guards`: most inserts and updates, most deletes that pass today.
    pub fn new(runs: &[RunSummary], guards: (Option<u64>, Option<u64>)) -> Self {
        const UP: f64 = 130.0;
        const DOWN: f64 = 70.0;
        let figures: Vec<[u64; 3]> = runs.iter().map(|run| totals(&run.counters)).collect();
        let most = |of: fn(&[u64; 3]) -> u64| figures.iter().map(of).max().unwrap_or(0);
        // A root scale: a first load of thousands and a day of three changes fit into one picture.
        let top = (most(|f| f[0] + f[1]).max(guards.0.unwrap_or(0)).max(4) as f64).sqrt();
        let bottom = (most(|f| f[2]).max(guards.1.unwrap_or(0)).max(4) as f64).sqrt();
        let up = |count: u64| (count as f64).sqrt() / top * UP;
        let down = |count: u64| (count as f64).sqrt() / bottom * DOWN;
        let base = UP as u32 + 12;

        let columns = runs.iter().zip(&figures).zip(0..).map(|((run, &[inserted, updated, deleted]), position)| {
            let whole = up(inserted + updated);
            let share = if inserted + updated == 0 { 0.0 } else { inserted as f64 / (inserted + updated) as f64 };
            let at_least = |height: f64, count: u64| if count == 0 { 0 } else { height.round().max(2.0) as u32 };
            let insert = at_least(whole * share, inserted);
            let update = at_least(whole * (1.0 - share), updated);
            let delete = at_least(down(deleted), deleted);
            let mut parts = Vec::new();
            let mut part = |kind, y, height| {
                if height > 0 {
                    parts.push(Part { kind, y, height });
                }
            };
            part("insert", base.saturating_sub(insert), insert);
            part("update", base.saturating_sub(insert + update), update);
            part("delete", base, delete);
            Column {
                x: 44 + position * 22,
                parts,
                href: links::run(run.id),
                title: format!(
                    "Run {} ({}): {} inserted, {} updated, {} deleted",
                    run.id,
                    words::state(run.state),
                    words::count(inserted),
                    words::count(updated),
                    words::count(deleted)
                ),
                run: run.id.to_string(),
                tone: look(run.state).0,
                figures: [inserted, updated, deleted],
            }
        });
        let columns = columns.collect();
        let tick = |y: f64, label| Tick { y: y.round().max(4.0) as u32, label };
        let step = nice(top * top);
        let base_f = f64::from(base);
        let ticks =
            vec![tick(base_f - up(step), words::count(step)), tick(base_f - up(step / 4), words::count(step / 4))];
        let guards = [
            guards.0.map(|most| tick(base_f - up(most), format!("guard: {}", words::count(most)))),
            guards.1.map(|most| tick(base_f + down(most), format!("guard: {} deleted", words::count(most)))),
        ];
        let guards = guards.into_iter().flatten().collect();
        Self { height: base + DOWN as u32 + 14, base, columns, ticks, guards }
    }
}

/// The greatest of 4, 8, 20, 40, 80, 200, … that is not above `most`.
fn nice(most: f64) -> u64 {
    let mut step = 4_u64;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        let next = (step as f64 * factor) as u64;
        if next as f64 > most {
            return step;
        }
        step = next;
    }
    step
}

/// The population over time as a step line.
pub struct PopulationChart {
    /// The line of all users.
    pub total: String,
    /// The area below it.
    pub area: String,
    /// Users now.
    pub now: i64,
    /// Of them past.
    pub past: i64,
    /// What the left end is.
    pub from: String,
    /// The rows of the table beside it: when, all, past.
    pub rows: Vec<(String, i64, i64)>,
}

impl PopulationChart {
    /// From the steps of applied runs; `None` before anybody came.
    pub fn new(steps: &[PopulationStep], now: DateTime<Utc>) -> Option<Self> {
        const WIDTH: f64 = 600.0;
        const TALL: f64 = 110.0;
        let first = steps.first()?.at;
        let (mut all, mut past) = (0, 0);
        let points: Vec<(DateTime<Utc>, i64, i64)> = steps
            .iter()
            .map(|step| {
                all += step.total;
                past += step.past;
                (step.at, all, past)
            })
            .collect();
        let most = points.iter().map(|point| point.1).max().filter(|most| *most > 0)? as f64;
        let span = (now - first).num_seconds().max(1) as f64;
        let x = |at: DateTime<Utc>| ((at - first).num_seconds() as f64 / span * WIDTH).round();
        let y = |count: i64| (TALL + 6.0 - count as f64 / most * TALL).round();
        let mut line = format!("M0 {}", TALL + 6.0);
        for (at, count, _) in thinned(&points, 240) {
            line += &format!("H{}V{}", x(*at), y(*count));
        }
        line += &format!("H{WIDTH}");
        let area = format!("{line}V{0}H0Z", TALL + 6.0);
        let rows =
            thinned(&points, 12).rev().map(|(at, all, past)| (at.format("%Y-%m-%d %H:%M").to_string(), *all, *past));
        let rows = rows.collect();
        Some(Self { total: line, area, now: all, past, from: first.format("%-d %b %Y").to_string(), rows })
    }
}

/// At most about `count` of the points, always with the last one.
fn thinned<T>(points: &[T], count: usize) -> impl DoubleEndedIterator<Item = &T> {
    let step = points.len().div_ceil(count).max(1);
    let last = points.len().saturating_sub(1);
    points
        .iter()
        .enumerate()
        .filter(move |(position, _)| (last - position).is_multiple_of(step))
        .map(|(_, point)| point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_figures() {
        assert_eq!(nice(5.0), 4);
        assert_eq!(nice(100.0), 80);
        assert_eq!(nice(12_000.0), 8000);
    }

    #[test]
    fn a_population_ends_with_what_is_now() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let steps =
            [PopulationStep { at: at(0), total: 10, past: 0 }, PopulationStep { at: at(100), total: 2, past: 3 }];
        let chart = PopulationChart::new(&steps, at(200)).unwrap();
        assert_eq!((chart.now, chart.past), (12, 3));
        assert_eq!(chart.total, "M0 116H0V24H300V6H600");
        assert!(PopulationChart::new(&[], at(0)).is_none());
    }
}
