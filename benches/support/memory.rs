//! How much memory a program and the processes that it starts hold at most.

use std::collections::HashMap;
use std::fs;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};

/// How often the processes are looked at. The kernel keeps each one's peak, so that only its last moments escape.
const INTERVAL: Duration = Duration::from_millis(50);

/// Waits for the end of a program; returns also the peak of the largest of its processes, in KiB, itself included.
pub fn watch(program: &mut Child) -> Result<(ExitStatus, u64)> {
    let ended = AtomicBool::new(false);
    let root = program.id();
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peaks: HashMap<u32, u64> = HashMap::new();
            while !ended.load(Ordering::Relaxed) {
                note_peaks(root, &mut peaks);
                thread::park_timeout(INTERVAL);
            }
            peaks.into_values().max().unwrap_or(0)
        });
        let status = program.wait();
        ended.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        let peak = watcher.join().map_err(|_| anyhow!("watching the memory failed"))?;
        Ok((status?, peak))
    })
}

/// Raises the peaks of a process and all below it. Processes may end meanwhile: what cannot be read is over.
fn note_peaks(process: u32, peaks: &mut HashMap<u32, u64>) {
    if let Some(kib) = peak_kib(process) {
        let peak = peaks.entry(process).or_default();
        *peak = kib.max(*peak);
    }
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return };
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            note_peaks(child, peaks);
        }
    }
}

/// `VmHWM`: the most physical memory that the process ever held.
fn peak_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
