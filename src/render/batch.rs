//! Many answers at once: a tool takes its time mostly to start, a repository has thousands of files, and a machine has more
//! than one core.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::{Error, Outline, Recipe, Renderer, Rendering};
use crate::git::{self, Oid, Reader};
use crate::task::Cancel;

/// Fewer files than this are read before another thread has begun.
const FEW: usize = 64;

impl Renderer {
    /// Renders each recipe at its tree, several at once; the answers are in the order of the questions. `progress` is told
    /// how many are done, from any thread. The first error ends it all.
    pub fn render_all(
        &self,
        reader: &Reader,
        wanted: &[(Oid, &Recipe)],
        cancel: &Cancel,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Arc<Rendering>>, Error> {
        let done = AtomicUsize::new(0);
        // Stops the others when one fails.
        let stop = cancel.child_token();
        let render = |reader: &Reader, (tree, recipe): &(Oid, &Recipe)| {
            let rendering = self.render_until(reader, *tree, recipe, &stop);
            let rendering = rendering.inspect_err(|_| stop.cancel())?;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            Ok(rendering)
        };
        // One thread more than cores: files are written for a tool's next run, and read after its last, while others run.
        let mut answers = Vec::new();
        let mut failure = None;
        for answer in at_once(reader, wanted, cores() + 1, &render) {
            match answer {
                Some(Ok(rendering)) => answers.push(rendering),
                // Those that were stopped say less than the one that stopped them.
                Some(Err(error)) if !matches!(error, Error::Cancelled) => {
                    failure.get_or_insert(error);
                }
                Some(Err(_)) | None => {}
            }
        }
        match failure {
            Some(error) => Err(error),
            None if answers.len() < wanted.len() => Err(Error::Cancelled),
            None => Ok(answers),
        }
    }

    /// What each blob declares, in their order.
    pub(crate) fn outline_all(
        &self,
        reader: &Reader,
        blobs: &[Oid],
    ) -> git::Result<Vec<Arc<Outline>>> {
        let outline = |reader: &Reader, blob: &Oid| self.outline(reader, *blob);
        let unknown: Vec<Oid> = blobs
            .iter()
            .filter(|blob| self.outlines.get(blob).is_none())
            .copied()
            .collect();
        if unknown.len() >= FEW {
            at_once(reader, &unknown, cores(), &outline);
        }
        blobs.iter().map(|blob| outline(reader, blob)).collect()
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Asks `ask` about each of `items`, on so many threads. A thread that panicked leaves its answer out.
fn at_once<Q: Sync, A: Send + Sync>(
    reader: &Reader,
    items: &[Q],
    threads: usize,
    ask: &(dyn Fn(&Reader, &Q) -> A + Sync),
) -> Vec<Option<A>> {
    let answers: Vec<OnceLock<A>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = |reader: &Reader| {
        while let Some((place, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            answers.get(at).zip(items.get(at))
        } {
            place.get_or_init(|| ask(reader, item));
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len()))
            .map(|_| {
                let reader = reader.another();
                let work = &work;
                scope.spawn(move || work(&reader))
            })
            .collect();
        work(reader);
        for thread in others {
            // What it was at is the caller's to miss.
            let _ = thread.join();
        }
    });
    answers.into_iter().map(OnceLock::into_inner).collect()
}
