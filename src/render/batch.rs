//! Many renderings at once: a tool takes its time mostly to start, and a machine has more than one core.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::{Error, Recipe, Renderer, Rendering};
use crate::git::{Oid, Reader};
use crate::task::Cancel;

impl Renderer {
    /// Renders each recipe at its tree, on as many threads as there are cores; the answers are in the order of the
    /// questions. `progress` is told how many are done, from any thread. The first error ends it all.
    pub fn render_all(
        &self,
        reader: &Reader,
        wanted: &[(Oid, &Recipe)],
        cancel: &Cancel,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Arc<Rendering>>, Error> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(wanted.len());
        let found: Vec<OnceLock<Arc<Rendering>>> = wanted.iter().map(|_| OnceLock::new()).collect();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        // Stops the others when one fails.
        let stop = cancel.child_token();
        let work = |reader: &Reader| {
            while let Some((place, (tree, recipe))) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                found.get(at).zip(wanted.get(at))
            } {
                let rendering = self.render_until(reader, *tree, recipe, &stop);
                let rendering = rendering.inspect_err(|_| stop.cancel())?;
                place.get_or_init(|| rendering);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
            Ok(())
        };
        let results: Vec<Result<(), Error>> = thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map(|_| {
                    let reader = reader.another();
                    let work = &work;
                    scope.spawn(move || work(&reader))
                })
                .collect();
            let mut results = vec![work(reader)];
            // A thread that panicked leaves its place empty, which is found below.
            results.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
            results
        });
        let mut failure = None;
        for error in results.into_iter().filter_map(Result::err) {
            // Those that were stopped say less than the one that stopped them.
            if failure.is_none() || !matches!(error, Error::Cancelled) {
                failure = Some(error);
            }
        }
        let found = found.into_iter().map(OnceLock::into_inner);
        match failure {
            Some(error) => Err(error),
            None => found.collect::<Option<_>>().ok_or(Error::Cancelled),
        }
    }
}
