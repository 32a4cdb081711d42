//! How long to wait before what failed is tried again: twice as long each time, up to a limit, for ever.
//!
//! kube's own back-off starts anew with every sign of life of a watch, and takes the beginning of a list for one, before
//! anything was asked: a server that is down was asked every second for as long as it was.

use std::time::Duration;

use kube::runtime::utils::Backoff;
use tokio::time::Instant;

/// After this long without a failure, the next one is the first again.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// The pauses between attempts, one after the other.
pub struct Pauses {
    first: Duration,
    longest: Duration,
    /// When one was last asked for, and what it was.
    last: Option<(Instant, Duration)>,
}

impl Pauses {
    pub fn new(first: Duration, longest: Duration) -> Pauses {
        Pauses {
            first,
            longest,
            last: None,
        }
    }

    pub fn pause(&mut self) -> Duration {
        self.pause_at(Instant::now())
    }

    fn pause_at(&mut self, now: Instant) -> Duration {
        let pause = match self.last {
            Some((at, pause)) if now.duration_since(at) < pause + FORGOTTEN => {
                (pause * 2).min(self.longest)
            }
            _ => self.first,
        };
        self.last = Some((now, pause));
        pause
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.pause())
    }
}

impl Backoff for Pauses {
    /// Only time tells that something works again.
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_start_anew_when_all_was_well() {
        let mut pauses = Pauses::new(Duration::from_secs(1), Duration::from_secs(30));
        let mut now = Instant::now();
        let mut taken = Vec::new();
        for _ in 0..8 {
            let pause = pauses.pause_at(now);
            pauses.reset();
            taken.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(taken, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pauses.pause_at(now + FORGOTTEN).as_secs(), 1);
    }
}
