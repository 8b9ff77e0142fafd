//! The threads queries run on. Their stacks are large: plans are trees that are walked by recursion, views stack them
//! high, and an unoptimized build needs several times what the default gives.

use crate::error::{Error, Result};
use std::future::Future;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// Measured: forty views on top of each other need more than 2 MiB unoptimized and run in 4. Only touched pages count.
const STACK: usize = 32 << 20;

/// See the module.
pub struct Workers(Option<Runtime>);

impl Workers {
    /// Starts that many threads.
    pub fn start(threads: usize) -> Result<Workers> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_stack_size(STACK)
            .thread_name("query")
            .enable_all()
            .build()
            .map_err(|e| Error::failed("cannot start threads for queries").because(e))?;
        Ok(Workers(Some(runtime)))
    }

    /// Runs work to its end. Dropping the returned future stops the work.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let Some(runtime) = &self.0 else { return Err(Error::failed("the session is closed")) };
        let mut one = JoinSet::new();
        one.spawn_on(work, runtime.handle());
        match one.join_next().await {
            Some(Ok(done)) => Ok(done),
            Some(Err(broken)) => {
                Err(Error::failed("the query engine stopped in the middle of a query").because(broken))
            }
            None => Err(Error::failed("the query was never started")),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Waiting is not allowed where a session is usually dropped: inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
