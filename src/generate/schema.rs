//! Writer schemas: three releases over the period, the earlier ones without columns that later came into the middle.

use super::content::{Content, content, salt};
use super::dice::{draw, mix_text, pick};
use super::options::{AvroType, FieldSpec, Options, TypeSpec};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// How many releases a period has.
pub const RELEASES: u8 = 3;

/// One field of one writer schema, ready to be written.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Where its value comes from.
    pub content: Content,
    /// Its own number for chance.
    pub salt: u64,
    /// Its type.
    pub avro: AvroType,
    /// Whether it may be null.
    pub nullable: bool,
    /// The first release that has it.
    pub since: u8,
    /// `"name":` for JSON files.
    pub json_key: Vec<u8>,
}

/// The writer schema of a type in one release.
#[derive(Debug, Clone)]
pub struct WriterSchema {
    /// Its fields in order.
    pub fields: Vec<Planned>,
    /// Its text.
    pub text: String,
    /// The number in classic keys, one counter over all types; the same as before when nothing changed.
    pub id: u32,
}

/// The writer schemas of a type, by release.
#[derive(Debug)]
pub struct Releases(Vec<Arc<WriterSchema>>);

impl Releases {
    /// The schema of a release.
    pub fn get(&self, release: u8) -> Option<&Arc<WriterSchema>> {
        self.0.get(usize::from(release)).or(self.0.last())
    }
}

/// Columns that the stories' totals and joins depend on: every release has them.
const KEYS: &[&str] = &[
    "id",
    "user_id",
    "external_user_id",
    "time",
    "time_ms",
    "email_address",
    "dispatch_id",
    "device_id",
    "machine_open",
    "is_suspected_bot_click",
    "campaign_id",
    "canvas_id",
    "message_variation_id",
    "canvas_step_id",
    "canvas_step_message_variation_id",
    "canvas_variation_id",
    "experiment_step_id",
    "experiment_split_id",
    "conversion_behavior_index",
    "message_id",
    "in_reply_to",
    "to_phone_number",
    "app_group_id",
    "content_card_id",
    "platform",
    "properties",
    "price",
];

/// The schema counter of the first release.
const FIRST_ID: u32 = 315;

/// Plans the writer schemas of all types.
pub fn plan(options: &Options) -> Vec<Releases> {
    let mut id = FIRST_ID;
    let mut planned: Vec<Releases> = options.types.iter().map(|_| Releases(Vec::new())).collect();
    let since: Vec<Vec<u8>> = options.types.iter().map(arrivals).collect();
    for release in 0..RELEASES {
        for ((spec, since), releases) in options.types.iter().zip(&since).zip(&mut planned) {
            let changed = release == 0 || since.contains(&release);
            if changed {
                id += 1;
            }
            let last = releases.0.last().map_or(id, |s| s.id);
            releases.0.push(Arc::new(writer_schema(spec, since, release, if changed { id } else { last })));
        }
    }
    planned
}

/// The release in which each field of a type arrived.
fn arrivals(spec: &TypeSpec) -> Vec<u8> {
    let nature = mix_text(&spec.event_type);
    let count = spec.fields.len();
    let mut since = vec![0; count];
    let middle = |at: &usize| *at >= count / 4 && *at < count - count / 5;
    let may_be_late =
        |at: &usize| spec.fields.get(*at).is_some_and(|f| !f.required && !KEYS.contains(&f.name.as_str()));
    let mut candidates: Vec<usize> = (1..count).filter(middle).filter(may_be_late).collect();
    if candidates.is_empty() {
        candidates = (1..count).filter(may_be_late).collect();
    }
    if candidates.is_empty() {
        let not_identity = |at: &usize| {
            spec.fields.get(*at).is_some_and(|f| !f.required && !matches!(f.name.as_str(), "user_id" | "time"))
        };
        candidates = (1..count).filter(not_identity).collect();
    }
    for number in 0..1 + nature % 3 {
        let release = 1 + ((nature >> 8) + number) as u8 % (RELEASES - 1);
        if let Some(slot) = pick(&candidates, draw(nature, number)).and_then(|at| since.get_mut(*at)) {
            *slot = release;
        }
    }
    since
}

fn writer_schema(spec: &TypeSpec, since: &[u8], release: u8, id: u32) -> WriterSchema {
    let mut present: Vec<(&FieldSpec, u8)> =
        spec.fields.iter().zip(since).filter(|(_, s)| **s <= release).map(|(f, s)| (f, *s)).collect();
    // A few types were once written in another order, with `id` not first.
    if release == 0 && mix_text(&spec.event_type).is_multiple_of(11) && present.len() > 2 {
        present.swap(0, 2);
    }
    let fields = present.iter().map(|(field, since)| Planned {
        content: content(&spec.event_type, field),
        salt: salt(&field.name),
        avro: field.avro,
        nullable: !field.required,
        since: *since,
        json_key: format!("{}:", Json::from(field.name.as_str())).into_bytes(),
    });
    WriterSchema { fields: fields.collect(), text: schema_text(spec, &present), id }
}

fn schema_text(spec: &TypeSpec, present: &[(&FieldSpec, u8)]) -> String {
    let (parents, leaf) = spec.event_type.rsplit_once('.').unwrap_or(("", &spec.event_type));
    let namespace = match parents {
        "" => "dataexport.S3.inner".to_string(),
        parents => format!("dataexport.S3.inner.{parents}"),
    };
    let fields: Vec<Json> = present
        .iter()
        .map(|(field, _)| {
            let kind = match field.avro {
                AvroType::Int => json!("int"),
                AvroType::Long => json!("long"),
                AvroType::Float => json!("float"),
                AvroType::Boolean => json!("boolean"),
                AvroType::String => json!("string"),
                AvroType::StringArray => json!({ "type": "array", "items": ["null", "string"] }),
            };
            match field.required {
                true => json!({ "name": field.name, "type": kind, "doc": format!("{} of the event", field.name) }),
                false => json!({ "name": field.name, "type": ["null", kind], "default": null }),
            }
        })
        .collect();
    json!({
        "type": "record",
        "name": leaf,
        "namespace": namespace,
        "doc": format!("A generated event of the type {}.", spec.event_type),
        "owner": "data-export",
        "fields": fields,
    })
    .to_string()
}
