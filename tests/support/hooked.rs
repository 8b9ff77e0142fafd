//! An object store that asks a hook before every operation: to fail it, to let it take effect and lose the answer, or
//! to let others run first.

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;

/// What is about to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Put(String),
    Get(String),
    List(String),
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It works.
    None,
    /// It fails and has no effect.
    Refused,
    /// It takes effect and its answer is lost.
    AnswerLost,
}

type Hook = Arc<dyn Fn(Op) -> BoxFuture<'static, Fault> + Send + Sync>;

/// See the module.
pub struct Hooked {
    inner: Arc<dyn ObjectStore>,
    hook: Hook,
}

impl Hooked {
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        hook: impl Fn(Op) -> BoxFuture<'static, Fault> + Send + Sync + 'static,
    ) -> Hooked {
        Hooked { inner, hook: Arc::new(hook) }
    }
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hooked({})", self.inner)
    }
}

impl fmt::Display for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hooked({})", self.inner)
    }
}

fn failure() -> Error {
    Error::Generic { store: "test", source: "the connection broke".into() }
}

#[async_trait]
impl ObjectStore for Hooked {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        match (self.hook)(Op::Put(location.to_string())).await {
            Fault::None => self.inner.put_opts(location, payload, opts).await,
            Fault::Refused => Err(failure()),
            Fault::AnswerLost => {
                self.inner.put_opts(location, payload, opts).await?;
                Err(failure())
            }
        }
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match (self.hook)(Op::Get(location.to_string())).await {
            Fault::None => self.inner.get_opts(location, options).await,
            _ => Err(failure()),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, hook, prefix) = (self.inner.clone(), self.hook.clone(), prefix.cloned());
        let listing = async move {
            let asked = prefix.as_ref().map(Path::to_string).unwrap_or_default();
            match hook(Op::List(asked)).await {
                // Taken now: a listing is one moment's truth, not a mixture of what lies before and after an await.
                Fault::None => inner.list(prefix.as_ref()),
                _ => futures::stream::once(async { Err(failure()) }).boxed(),
            }
        };
        futures::stream::once(listing).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
