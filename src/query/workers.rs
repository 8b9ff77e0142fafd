//! The threads queries run on. Their stacks are large: plans are trees that are walked by recursion, views stack them
//! high, and an unoptimized build needs several times what the default gives.

use crate::error::{Error, Result};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// Measured: forty views on top of each other need more than 2 MiB unoptimized and run in 4. Only touched pages count.
const STACK: usize = 64 << 20;

/// See the module.
pub struct Workers {
    threads: usize,
    crew: Mutex<Arc<Crew>>,
}

struct Crew(Option<Runtime>);

impl Crew {
    fn start(threads: usize) -> std::io::Result<Crew> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_stack_size(STACK)
            .thread_name("query")
            .enable_all()
            .build()?;
        Ok(Crew(Some(runtime)))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Waiting is not allowed where a session is usually dropped: inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Workers {
    /// Starts that many threads.
    pub fn start(threads: usize) -> Result<Workers> {
        let crew = Crew::start(threads).map_err(|e| Error::failed("cannot start threads for queries").because(e))?;
        Ok(Workers { threads, crew: Mutex::new(Arc::new(crew)) })
    }

    /// Runs work to its end. Dropping the returned future stops the work.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let crew = self.crew.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(runtime) = &crew.0 else { return Err(Error::failed("the session is closed")) };
        let mut stopped = Relief { workers: self, due: true };
        let mut one = JoinSet::new();
        one.spawn_on(work, runtime.handle());
        let done = one.join_next().await;
        stopped.due = false;
        match done {
            Some(Ok(done)) => Ok(done),
            Some(Err(broken)) => {
                Err(Error::failed("the query engine stopped in the middle of a query").because(broken))
            }
            None => Err(Error::failed("the query was never started")),
        }
    }
}

/// Sends in a fresh crew when work was stopped: a join in a tight loop only notices that it is no longer wanted when it
/// next waits for something, and the next query must not stand behind it.
struct Relief<'a> {
    workers: &'a Workers,
    due: bool,
}

impl Drop for Relief<'_> {
    fn drop(&mut self) {
        if self.due
            && let Ok(crew) = Crew::start(self.workers.threads)
        {
            *self.workers.crew.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(crew);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn work_that_was_stopped_does_not_hold_up_the_next() {
        let workers = Workers::start(1).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let stuck = workers.run(async move { held.recv().is_ok() });
        assert!(tokio::time::timeout(Duration::from_millis(50), stuck).await.is_err());
        assert_eq!(workers.run(async { 7 }).await.unwrap(), 7);
        drop(release);
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let workers = Workers::start(1).unwrap();
        let error = workers
            .run(async {
                if true {
                    panic!("a bug")
                }
            })
            .await
            .unwrap_err();
        assert!(error.what().contains("stopped in the middle"));
    }
}
