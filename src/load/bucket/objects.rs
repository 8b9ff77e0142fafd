//! A source in a bucket. A listing walks down from the address to each `event_type=…/` folder, folder by folder, and
//! lists that from its bound on: its cost follows the new hours, not the history.
//!
//! What lies beside is listed whole. Braze's other exports can be larger than Currents itself: unless everything is
//! asked for, they are looked into only as far as it takes to see that no Currents export lies in them.

use super::{Bound, Fetched, Listed, Listing, Opened, Ranges, is_before};
use crate::currents::event_type_prefix;
use crate::error::{Error, Result};
use crate::warehouse::clouds::{Pages, Remote};
use crate::warehouse::odd_names::{original, path_of};
use crate::warehouse::refusal::store_error;
use crate::warehouse::wire::Traffic;
use crate::warehouse::{Refusal, Requests};
use futures::{StreamExt, TryStreamExt};
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{Error as ObjectError, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use std::ops::Range;
use std::sync::Arc;

/// Folders listed at once.
const AT_ONCE: usize = 32;
/// Ranges of an object asked for at once.
const RANGES_AHEAD: usize = 3;
/// Folders looked into on the way to the event types. What is not reached by then is listed whole.
const LOOKED_INTO: usize = 100;
/// Folders that Braze's other exports fill.
const FOREIGN: [&str; 3] = ["segment-export", "sent_messages", "redshift-manifests"];

/// See the module.
#[derive(Debug, Clone)]
pub struct Objects {
    objects: Arc<dyn ObjectStore>,
    /// `None` for stores that list in one go, such as memory.
    pages: Option<Pages>,
    /// What stands before every key: empty, or a folder with its slash.
    prefix: String,
    traffic: Option<Arc<Traffic>>,
    /// Pages asked for at once.
    at_once: usize,
}

/// One page of a listing.
#[derive(Default)]
struct Page {
    objects: Vec<Listed>,
    /// Folders, with their slash.
    folders: Vec<String>,
    next: Option<String>,
}

/// A folder that is still to be listed, and from where.
struct Task {
    folder: String,
    after: Option<String>,
}

impl Objects {
    /// A bucket.
    pub fn remote(remote: Remote) -> Objects {
        let prefix = if remote.prefix.is_empty() { String::new() } else { format!("{}/", remote.prefix) };
        let at_once = remote.requests.min(AT_ONCE);
        Objects { objects: remote.objects, pages: Some(remote.pages), prefix, traffic: Some(remote.traffic), at_once }
    }

    /// Any store of objects.
    pub fn on(objects: Arc<dyn ObjectStore>) -> Objects {
        Objects { objects, pages: None, prefix: String::new(), traffic: None, at_once: 1 }
    }

    /// The requests made so far.
    pub fn requests(&self) -> Option<Requests> {
        self.traffic.as_ref().map(|t| t.requests())
    }

    /// See [`super::Bucket::list`].
    pub async fn list(&self, address: &str, bound: Bound<'_>, everything: bool) -> Result<Listing> {
        let wrong = |e| store_error(format!("cannot list {address}"), e);
        let mut listing = Listing::default();
        let Some(pages) = &self.pages else {
            let found: Vec<ObjectMeta> = self.objects.list(None).try_collect().await.map_err(wrong)?;
            let found = found.into_iter().map(|meta| listed(meta.location.to_string(), meta));
            listing.objects.extend(found.filter(|o| !is_before(&o.key, bound)));
            return Ok(listing);
        };
        let tasks = self.explore(pages, bound, everything, &mut listing).await.map_err(wrong)?;
        let mut found =
            futures::stream::iter(tasks.into_iter().map(|task| self.whole(pages, task))).buffer_unordered(self.at_once);
        while let Some(objects) = found.next().await {
            listing.objects.extend(objects.map_err(wrong)?.into_iter().filter(|o| !is_before(&o.key, bound)));
        }
        drop(found);
        // A folder's marker is never asked for: its name says what it is.
        let askable = |key: &str| {
            let key = format!("{}{key}", self.prefix);
            key.ends_with('/') || path_of(&key).is_some()
        };
        let (askable, not): (Vec<_>, Vec<_>) = listing.objects.into_iter().partition(|o| askable(&o.key));
        listing.objects = askable;
        listing.unaskable = not.into_iter().map(|o| o.key.to_string()).collect();
        Ok(listing)
    }

    /// The first page of everything.
    pub async fn first_page(&self, address: &str) -> Result<Listing> {
        let wrong = |e| store_error(format!("cannot list {address}"), e);
        let objects = match &self.pages {
            Some(pages) => self.page(pages, "", false, None, None).await.map_err(wrong)?.objects,
            None => {
                let found: Vec<ObjectMeta> = self.objects.list(None).take(1000).try_collect().await.map_err(wrong)?;
                found.into_iter().map(|meta| listed(meta.location.to_string(), meta)).collect()
            }
        };
        Ok(Listing { objects, ..Listing::default() })
    }

    /// Walks down to the event types, a level at a time. Gives what is to be listed whole; what lies on the way is
    /// added to the listing.
    async fn explore(
        &self,
        pages: &Pages,
        bound: Bound<'_>,
        everything: bool,
        listing: &mut Listing,
    ) -> object_store::Result<Vec<Task>> {
        let mut tasks = Vec::new();
        let mut level = vec![String::new()];
        let mut looked_into = 0;
        while !level.is_empty() {
            // The likely ones first, should there be too many.
            level.sort_by_key(|folder| !(name_of(folder).starts_with("dataexport.") || folder.contains("currents")));
            let rest = level.split_off(level.len().min(LOOKED_INTO.saturating_sub(looked_into)));
            let (foreign, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|f| !everything && is_foreign(f));
            listing.passed_over.extend(foreign);
            tasks.extend(rest.into_iter().map(|folder| Task { folder, after: None }));
            looked_into += level.len();
            let looks = level.drain(..).map(|folder| async move {
                let foreign = !everything && is_foreign(&folder);
                let page = self.level(pages, &folder, foreign).await?;
                Ok::<_, object_store::Error>((folder, foreign, page))
            });
            let looks: Vec<_> = futures::stream::iter(looks).buffered(self.at_once).try_collect().await?;
            for (folder, foreign, page) in looks {
                let Some(page) = page else {
                    tasks.push(Task { folder, after: None });
                    continue;
                };
                if foreign {
                    let is_export = |f: &&String| name_of(f).starts_with("dataexport.") || is_event_type(f);
                    let (inside, beside): (Vec<&String>, Vec<&String>) = page.folders.iter().partition(is_export);
                    if inside.is_empty() || !beside.is_empty() || !page.objects.is_empty() {
                        listing.passed_over.push(folder.clone());
                    }
                    sort_out(inside.into_iter().cloned().collect(), bound, &mut tasks, &mut level);
                    continue;
                }
                listing.objects.extend(page.objects);
                sort_out(page.folders, bound, &mut tasks, &mut level);
            }
        }
        Ok(tasks)
    }

    /// What lies directly in a folder; `None` where that is better listed whole: days, or many pages of them.
    async fn level(&self, pages: &Pages, folder: &str, one_page: bool) -> object_store::Result<Option<Page>> {
        /// Pages read to see what a folder holds, before it is listed whole instead.
        const MANY: usize = 5;
        let mut all = Page::default();
        for _ in 0..MANY {
            let page = self.page(pages, folder, true, None, all.next.take()).await?;
            if page.folders.iter().any(|f| name_of(f).starts_with("date=")) {
                return Ok(None);
            }
            all.objects.extend(page.objects);
            all.folders.extend(page.folders);
            all.next = page.next;
            if all.next.is_none() || one_page {
                return Ok(Some(all));
            }
        }
        Ok(None)
    }

    /// Every object under a folder, from `after` on.
    async fn whole(&self, pages: &Pages, task: Task) -> object_store::Result<Vec<Listed>> {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let page = self.page(pages, &task.folder, false, task.after.as_deref(), next).await?;
            found.extend(page.objects);
            next = page.next;
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// One page. `folder` and `after` are relative to the source.
    async fn page(
        &self,
        pages: &Pages,
        folder: &str,
        by_folder: bool,
        after: Option<&str>,
        next: Option<String>,
    ) -> object_store::Result<Page> {
        let prefix = format!("{}{folder}", self.prefix);
        let options = PaginatedListOptions {
            offset: after.map(|after| format!("{}{after}", self.prefix)),
            delimiter: by_folder.then_some("/".into()),
            page_token: next,
            ..PaginatedListOptions::default()
        };
        let prefix = (!prefix.is_empty()).then_some(prefix.as_str());
        let page = pages.0.list_paginated(prefix, options).await?;
        let relative = |path: &str| original(path).strip_prefix(self.prefix.as_str()).map(str::to_string);
        let objects = page.result.objects.into_iter();
        let folders = page.result.common_prefixes.iter();
        Ok(Page {
            objects: objects.filter_map(|meta| Some(listed(relative(meta.location.as_ref())?, meta))).collect(),
            folders: folders
                .filter_map(|path| {
                    let path = original(path.as_ref());
                    let slash = if path.ends_with('/') { "" } else { "/" };
                    relative(&format!("{path}{slash}"))
                })
                .collect(),
            next: page.page_token,
        })
    }

    fn path(&self, asked: &Listed) -> Result<Path> {
        path_of(&format!("{}{}", self.prefix, asked.key))
            .ok_or_else(|| Error::failed(format!("no client can ask for the key {}", asked.key)))
    }

    /// See [`super::Bucket::open_in_ranges`].
    pub async fn open_in_ranges(&self, address: &str, asked: &Listed, most: u64, range: u64) -> Result<Opened> {
        let path = self.path(asked)?;
        let part = |range: Range<u64>| GetOptions::new().with_range(Some(range));
        let first = async {
            let first = self.objects.get_opts(&path, part(0..range)).await?;
            Ok::<_, ObjectError>((listed(asked.key.clone(), first.meta.clone()), first.bytes().await?))
        };
        let (now, first) = match first.await {
            Ok((now, _)) if now.size > most => return Ok(Opened::Instead(Fetched::TooLarge(now.size))),
            Ok((now, first)) if now.e_tag.is_some() => (now, first),
            // Whatever stands in the way, reading it whole says it better.
            _ => return Ok(Opened::Instead(self.fetch(address, asked, most).await?)),
        };
        let (objects, address, version) = (self.objects.clone(), address.to_string(), now.clone());
        let starts = (1..now.size.div_ceil(range)).map(move |number| number * range);
        let rest = futures::stream::iter(starts).map(move |from| {
            let (objects, path) = (objects.clone(), path.clone());
            let wrong = format!("cannot read {} in {address}", version.key);
            let options = part(from..version.size.min(from + range)).with_if_match(version.e_tag.as_deref());
            async move {
                let bytes = async { objects.get_opts(&path, options).await?.bytes().await };
                match bytes.await {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(ObjectError::Precondition { .. } | ObjectError::NotFound { .. }) => Ok(None),
                    Err(e) => Err(store_error(wrong, e)),
                }
            }
        });
        let ranges = futures::stream::once(async { Ok(Some(first)) }).chain(rest.buffered(RANGES_AHEAD));
        Ok(Opened::Ranges(Ranges::of_object(now.size, ranges.boxed()), now))
    }

    /// See [`super::Bucket::fetch`].
    pub async fn fetch(&self, address: &str, asked: &Listed, most: u64) -> Result<Fetched> {
        let wrong = |e| store_error(format!("cannot read {} in {address}", asked.key), e);
        let path = self.path(asked)?;
        let result = match self.objects.get(&path).await {
            Ok(result) => result,
            Err(e) => {
                // Only what the store says of this very object; refused credentials are everybody's trouble.
                let (absent, denied) =
                    (matches!(e, ObjectError::NotFound { .. }), matches!(e, ObjectError::PermissionDenied { .. }));
                return match Refusal::of(&e) {
                    Some(refusal @ Refusal::Archived) => Ok(Fetched::Unreadable(refusal.sentence().to_string())),
                    Some(refusal @ Refusal::Forbidden) if denied => {
                        Ok(Fetched::Refused(refusal.sentence().to_string()))
                    }
                    Some(Refusal::NoBucket) => Err(wrong(e)),
                    _ if absent => Ok(Fetched::Vanished),
                    _ => Err(wrong(e)),
                };
            }
        };
        if result.meta.size > most {
            return Ok(Fetched::TooLarge(result.meta.size));
        }
        let now = listed(asked.key.clone(), result.meta.clone());
        Ok(Fetched::Bytes(result.bytes().await.map_err(wrong)?, now))
    }
}

/// Folders of event types are to be listed from their bound; others to be looked into.
fn sort_out(folders: Vec<String>, bound: Bound<'_>, tasks: &mut Vec<Task>, level: &mut Vec<String>) {
    for folder in folders {
        if !is_event_type(&folder) {
            level.push(folder);
            continue;
        }
        // After everything of the hour before, which no key's name is: some stores, asked to begin after what is a
        // folder there, leave that folder out. Hours sort as text does, and `date=2026-03-01` after
        // `date=2026-03-01-14`, so a day's folder is not missed.
        let after = event_type_prefix(&folder).and_then(|(prefix, _)| bound(prefix)).and_then(|hour| hour.previous());
        let after = after.map(|hour| format!("{folder}date={hour}~"));
        tasks.push(Task { folder, after });
    }
}

fn is_event_type(folder: &str) -> bool {
    name_of(folder).starts_with("event_type=")
}

fn is_foreign(folder: &str) -> bool {
    FOREIGN.contains(&name_of(folder))
}

/// The last part of a folder's path.
fn name_of(folder: &str) -> &str {
    let path = folder.strip_suffix('/').unwrap_or(folder);
    path.rsplit('/').next().unwrap_or(path)
}

fn listed(key: impl Into<Arc<str>>, meta: ObjectMeta) -> Listed {
    Listed {
        key: key.into(),
        e_tag: meta.e_tag.map(Into::into),
        size: meta.size,
        modified: meta.last_modified.timestamp_millis(),
    }
}
