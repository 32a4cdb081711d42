//! What the benches that compare programs measure alike: how long a program takes, how much memory it had, and the middle of runs
//! that take turns.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::Random;

/// How long a program takes, and the most memory it had (MiB), as the kernel tells while it runs.
pub fn measured(command: &mut Command) -> (Duration, u64) {
    let begin = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let process = child.id().to_string();
    let mut peak = 0;
    while child.try_wait().expect("running").is_none() {
        peak = peak.max(most_memory(&process));
        std::thread::sleep(Duration::from_millis(2));
    }
    (begin.elapsed(), peak)
}

/// The most memory a process had (MiB); 0 where it has ended. `process`: its number, or `self`.
pub fn most_memory(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    peak.unwrap_or(0) / 1024
}

/// The middle of so many runs of each, in no order.
pub fn medians<T: Ord + Copy, const N: usize>(times: usize, runs: [&dyn Fn() -> T; N]) -> [T; N] {
    let mut random = Random::new(7);
    let mut found = [const { Vec::new() }; N];
    while found.iter().any(|found| found.len() < times) {
        let next = random.below(N);
        if found[next].len() < times {
            found[next].push(runs[next]());
        }
    }
    found.map(|mut found| {
        found.sort();
        found[times / 2]
    })
}
