//! An object store that misbehaves in one way: it ignores a condition, or refuses an operation as a cloud does.

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Create writes over what is there.
    IgnoresCreate,
    /// Create looks first and writes later: right by itself, wrong for two at once.
    CreatesSlowly,
    /// Update replaces whatever version is there.
    IgnoresUpdate,
    /// Update looks first and writes later.
    UpdatesSlowly,
    /// Reads give any version.
    IgnoresIfMatch,
    /// Writes under a condition are answered with 501.
    KnowsNoConditions,
    /// Writes are forbidden.
    DeniesPut,
    /// To write over an object is forbidden, to create one is not.
    DeniesReplacing,
    /// Reads are forbidden.
    DeniesGet,
    /// Listings are forbidden, and so are missing objects.
    DeniesList,
    /// To delete is forbidden.
    DeniesDelete,
    /// Every write has a version, as with versioning on.
    KeepsVersions,
    /// Nothing answers.
    Down,
}

/// See the module.
#[derive(Debug)]
pub struct Crooked {
    inner: Arc<dyn ObjectStore>,
    fault: Fault,
}

impl Crooked {
    pub fn new(inner: Arc<dyn ObjectStore>, fault: Fault) -> Crooked {
        Crooked { inner, fault }
    }

    fn up(&self) -> Result<()> {
        match self.fault {
            Fault::Down => Err(Error::Generic { store: "test", source: "connection refused".into() }),
            _ => Ok(()),
        }
    }

    /// Looks, lets others run, and then acts on what it saw.
    async fn slowly(&self, location: &Path, payload: PutPayload, mode: PutMode) -> Result<PutResult> {
        let now = self.inner.get_opts(location, GetOptions { head: true, ..GetOptions::default() }).await;
        let now = now.ok().and_then(|found| found.meta.e_tag);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let path = location.to_string();
        match mode {
            PutMode::Create if now.is_some() => Err(Error::AlreadyExists { path, source: "it is there".into() }),
            PutMode::Update(version) if version.e_tag != now => {
                Err(Error::Precondition { path, source: "another version".into() })
            }
            _ => self.inner.put_opts(location, payload, PutMode::Overwrite.into()).await,
        }
    }
}

impl fmt::Display for Crooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crooked({:?})", self.fault)
    }
}

fn denied(location: &Path) -> Error {
    Error::PermissionDenied { path: location.to_string(), source: "403 Forbidden: AccessDenied".into() }
}

#[async_trait]
impl ObjectStore for Crooked {
    async fn put_opts(&self, location: &Path, payload: PutPayload, mut opts: PutOptions) -> Result<PutResult> {
        self.up()?;
        match (self.fault, &opts.mode) {
            (Fault::DeniesPut, _) | (Fault::DeniesReplacing, PutMode::Update(_)) => return Err(denied(location)),
            (Fault::KnowsNoConditions, PutMode::Create | PutMode::Update(_)) => {
                return Err(Error::Generic { store: "test", source: "501 NotImplemented".into() });
            }
            (Fault::IgnoresCreate, PutMode::Create) | (Fault::IgnoresUpdate, PutMode::Update(_)) => {
                opts.mode = PutMode::Overwrite;
            }
            (Fault::CreatesSlowly, PutMode::Create) | (Fault::UpdatesSlowly, PutMode::Update(_)) => {
                return self.slowly(location, payload, opts.mode).await;
            }
            _ => {}
        }
        let mut put = self.inner.put_opts(location, payload, opts).await?;
        if self.fault == Fault::KeepsVersions {
            put.version = put.e_tag.clone();
        }
        Ok(put)
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, opts).await
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        self.up()?;
        match self.fault {
            Fault::DeniesGet => return Err(denied(location)),
            Fault::IgnoresIfMatch => options.if_match = None,
            _ => {}
        }
        match self.inner.get_opts(location, options).await {
            Err(Error::NotFound { .. }) if self.fault == Fault::DeniesList => Err(denied(location)),
            result => result,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.fault {
            Fault::DeniesDelete => locations.map(|location| Err(denied(&location?))).boxed(),
            _ => self.inner.delete_stream(locations),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let refusal = match self.fault {
            Fault::DeniesList => Some(denied(&prefix.cloned().unwrap_or_default())),
            _ => self.up().err(),
        };
        match refusal {
            Some(error) => futures::stream::once(async { Err(error) }).boxed(),
            None => self.inner.list(prefix),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
