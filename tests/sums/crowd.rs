//! A crowded export: few people, dispatches, messages and devices, and every awkward value in every table, so that all
//! that can meet does meet. Made from the definitions: a new event type or column is in it by itself.

use bytes::Bytes;
use eddyline::table::{ColumnType, Definitions, TableDef};
use serde_json::{Map, Value, json};

/// Midnight of the first day, and how many days the events lie on.
const START: i64 = 1_772_409_600;
const DAYS: usize = 10;
/// The days on which they are queued, whenever they happened.
const QUEUED: [&str; 3] = ["2026-03-02", "2026-03-03", "2026-03-04"];
/// What stands where a value is unknown or was taken out. Null is the absence of the field.
const BLANK: [&str; 3] = ["", "[REDACTED]", "null"];

/// The fields that name a message, with their values, and its dispatches.
type Message = (&'static [(&'static str, &'static str)], &'static [&'static str]);

/// The messages: the fields that name each, and the dispatches that carry it.
const MESSAGES: &[Message] = &[
    (&[("campaign_id", "c1"), ("campaign_name", "One"), ("message_variation_id", "v1")], &["d1", "d2"]),
    // Another variation in the same dispatches.
    (&[("campaign_id", "c1"), ("campaign_name", "One"), ("message_variation_id", "v2")], &["d1", "d2"]),
    // A Canvas step with a variation of its own, in a dispatch it shares with a campaign.
    (
        &[
            ("canvas_id", "k1"),
            ("canvas_name", "Way"),
            ("canvas_variation_id", "p1"),
            ("canvas_step_id", "s1"),
            ("canvas_step_message_variation_id", "m1"),
        ],
        &["d3", "d1"],
    ),
    (
        &[("canvas_id", "k1"), ("canvas_variation_id", "p2"), ("canvas_step_id", "s2"), ("canvas_step_name", "Two")],
        &["d3"],
    ),
    // Sent by the API, under no name at all.
    (&[], &["d4"]),
    (&[("campaign_id", "[REDACTED]"), ("message_variation_id", "[REDACTED]")], &["d5"]),
    (&[("campaign_id", "c2")], &["d6"]),
];

/// A die that falls the same way for the same seed (splitmix64).
struct Dice {
    state: u64,
    seed: u64,
}

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn of<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values[self.below(values.len())]
    }

    /// One of the values, or in one case of six none that can be used.
    fn known<'a>(&mut self, values: &[&'a str]) -> &'a str {
        if self.below(6) == 0 { self.of(&BLANK) } else { self.of(values) }
    }

    /// The same with names of this crowd alone.
    fn own(&mut self, values: &[&str]) -> String {
        match self.known(values) {
            blank if BLANK.contains(&blank) => blank.to_string(),
            name => format!("{name}-{}", self.seed),
        }
    }
}

/// The files, key and content: `each` events of every type there is. Crowds of different seeds share no user and no
/// dispatch, so they can stand in one warehouse.
pub fn files(definitions: &Definitions, seed: u64, each: usize) -> Vec<(String, Bytes)> {
    let mut dice = Dice { state: seed, seed };
    let mut files = Vec::new();
    let mut number = 0;
    for (_, table) in definitions.tables() {
        let event_type = table.event_type.to_string();
        // With many merges everybody would be one person.
        let each = match event_type.as_str() {
            "users.UserOrphan" => 5,
            "users.UserDeleteRequest" => 3,
            _ => each,
        };
        let mut days: [String; 3] = Default::default();
        for _ in 0..each {
            number += 1;
            let record = record(&mut dice, definitions, table, &format!("{seed:08}-0000-4000-8000-{number:012}"));
            // Some come twice, in one file or on another day.
            for _ in 0..1 + usize::from(dice.below(10) == 0) {
                days[dice.below(QUEUED.len())] += &format!("{record}\n");
            }
        }
        for (day, lines) in QUEUED.iter().zip(days).filter(|(_, lines)| !lines.is_empty()) {
            let id = "dataexport.prod-01.S3.integration.0123456789abcdef01234567";
            let key = format!("{id}/event_type={event_type}/date={day}-12/1/prod-01/{id}+0+{seed:010}.json");
            files.push((key, lines.into()));
        }
    }
    files
}

fn record(dice: &mut Dice, definitions: &Definitions, table: &TableDef, id: &str) -> Value {
    let (names, dispatches) = MESSAGES[dice.below(MESSAGES.len())];
    let event_type = table.event_type.to_string();
    let mut record = Map::new();
    for column in &table.columns {
        let name = column.name.as_str();
        let value = match name {
            "id" => json!(id),
            "dispatch_id" => json!(dice.own(dispatches)),
            // Early, so that there are people who come back.
            "time" if event_type.ends_with(".FirstSession") => json!(START + dice.below(86400) as i64),
            _ if is_message_name(name) => match names.iter().find(|(n, _)| *n == name) {
                Some((_, value)) => json!(value),
                None => Value::Null,
            },
            _ => {
                let kind = definitions.written_as(&table.event_type, name).unwrap_or(column.kind);
                match by_name(dice, name) {
                    Some(value) => value,
                    None => by_kind(dice, kind),
                }
            }
        };
        if !value.is_null() && value != "null" {
            record.insert(name.to_string(), value);
        }
    }
    Value::Object(record)
}

fn is_message_name(column: &str) -> bool {
    let named = |part: &str| column == format!("{part}_id") || column == format!("{part}_name");
    ["campaign", "message_variation", "canvas", "canvas_variation", "canvas_step", "canvas_step_message_variation"]
        .into_iter()
        .any(named)
}

/// The values of the columns that views join, group and tell apart by.
fn by_name(dice: &mut Dice, column: &str) -> Option<Value> {
    const USERS: [&str; 12] = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "gone1", "gone2"];
    let hour = |dice: &mut Dice, days: usize| json!(START + 3600 * dice.below(days * 24) as i64);
    Some(match column {
        "time" if dice.below(30) == 0 => Value::Null,
        "time" => hour(dice, DAYS),
        "send_time" if dice.below(2) == 0 => Value::Null,
        "send_time" => hour(dice, 1),
        "user_id" => json!(dice.own(&USERS[..10])),
        "orphaned_by_id" => json!(dice.own(&USERS)),
        "email_address" => json!(dice.known(&["a@x.example", "A@x.example", "b@x.example", "c@y.example"])),
        "to_phone_number" | "user_phone_number" => json!(dice.known(&["+1", "+2", "+3"])),
        "inbound_phone_number" | "from_phone_number" => json!(dice.known(&["+8", "+9"])),
        "device_id" => json!(dice.known(&["x", "y", "null"])),
        "session_id" | "canvas_entry_id" | "content_card_id" | "card_id" | "banner_placement_id" => {
            json!(dice.known(&["1", "2", "3", "4"]))
        }
        "message_id" | "in_reply_to" => json!(dice.known(&["w1", "w2", "null"])),
        "subscription_group_id" => json!(dice.known(&["g1", "g2"])),
        "subscription_status" => json!(dice.of(&["Subscribed", "Unsubscribed", "Opted In", "Paused"])),
        "channel" => json!(dice.of(&["email", "Email", "push", "null"])),
        "action" => json!(dice.of(&["Subscribed", "UNSUBSCRIBED", "None", "null"])),
        "machine_open" => json!(dice.of(&["true", "perhaps", "null", "null"])),
        "button_action_type" => json!(dice.of(&["CLOSE", "URI", "null"])),
        "exit_reason" => json!(dice.of(&["left", "null"])),
        "bounce_reason" | "deferral_reason" => {
            json!(dice.of(&["550 5.1.1 no such user", "451 c@y.example comes later", "no", "null"]))
        }
        "currency" => json!(dice.of(&["EUR", " eur", "usd", "[REDACTED]", "null"])),
        "price" => [json!(9.99), json!(-3.5), json!(120), json!(0), Value::Null][dice.below(5)].clone(),
        "conversion_behavior_index" => [json!(0), json!(1), json!(3), json!(9), Value::Null][dice.below(5)].clone(),
        "random_bucket_number" => json!(dice.below(9)),
        "timezone" => json!(dice.of(&["Europe/Berlin", "America/New_York", "nowhere", "null"])),
        _ => return None,
    })
}

fn by_kind(dice: &mut Dice, kind: ColumnType) -> Value {
    match kind {
        ColumnType::String => json!(dice.of(&["a", "b", "", "[REDACTED]", "null"])),
        ColumnType::Int | ColumnType::Long => [json!(0), json!(1), Value::Null][dice.below(3)].clone(),
        ColumnType::Float | ColumnType::Double => [json!(0.5), json!(2), Value::Null][dice.below(3)].clone(),
        ColumnType::Boolean => [json!(true), json!(false), Value::Null][dice.below(3)].clone(),
        ColumnType::StringArray => [json!(["a", "b"]), json!([]), Value::Null][dice.below(3)].clone(),
        ColumnType::TimestampSeconds => json!(START),
        ColumnType::TimestampMillis => json!(START * 1000),
        ColumnType::Date => Value::Null,
    }
}
