//! Files whose key does not say what they hold: looks inside and gives each to the tables of its event types.

use super::cell_build::FilePart;
use super::context::Context;
use super::plan::{Plan, Scope};
use super::read::{Unroutable, event_types_in};
use crate::error::{Error, Result};
use crate::warehouse::Fate;
use futures::StreamExt;

/// Routes `plan.unrouted` into `plan.days`. Returns the files that belong nowhere.
pub async fn route(ctx: &Context, plan: &mut Plan, scope: &Scope) -> Result<Vec<FilePart>> {
    let unrouted = std::mem::take(&mut plan.unrouted);
    let mut nowhere = Vec::new();
    let largest = unrouted.iter().map(|f| f.listed.size).max().unwrap_or(0);
    let mut looks = futures::stream::iter(unrouted)
        .map(|file| async move {
            let types = event_types_in(ctx, &file).await;
            (file, types)
        })
        .buffered(ctx.settings.files_ahead(largest));
    let doing = "while looking into files";
    while let Some((file, types)) = ctx.stop.or(doing, looks.next()).await? {
        if let Some(kind) = ctx.stop.requested() {
            return Err(Error::new(kind, format!("stopped {doing}")));
        }
        match types? {
            Ok(types) => {
                if !types.iter().all(|t| scope.wants(t)) {
                    plan.partial.insert(file.listed.key.to_string());
                }
                for (at, event_type) in types.into_iter().filter(|t| scope.wants(t)).enumerate() {
                    let mut file = file.clone();
                    file.owns_strays = at == 0;
                    plan.route(&event_type, file);
                }
            }
            Err(Unroutable::Vanished) => {
                let e_tag = file.listed.e_tag.clone();
                nowhere.push(FilePart::unread(&file, e_tag, file.listed.size, Fate::Vanished, String::new()));
            }
            Err(Unroutable::Damaged(reason, listed)) => {
                nowhere.push(FilePart::unread(&file, listed.e_tag, listed.size, Fate::Quarantined, reason));
            }
        }
    }
    drop(looks);
    plan.settle(&ctx.snapshot, ctx.settings.target_object_size);
    Ok(nowhere)
}
