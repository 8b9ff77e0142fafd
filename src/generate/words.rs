//! The words that invented people, devices, shops and errors are made of. All invented; domains are reserved ones.

/// A mailbox provider.
#[derive(Debug)]
pub struct Mailbox {
    /// Its domain.
    pub domain: &'static str,
    /// Its name in `mailbox_provider`.
    pub name: &'static str,
    /// Its share of users.
    pub share: u32,
    /// How many messages in a thousand its proxy opens by itself.
    pub machine_opens: u32,
    /// On how many messages in a thousand its scanner follows the links.
    pub scans: u32,
}

const fn mailbox(domain: &'static str, name: &'static str, share: u32, machine_opens: u32, scans: u32) -> Mailbox {
    Mailbox { domain, name, share, machine_opens, scans }
}

/// Every provider.
pub const MAILBOXES: &[Mailbox] = &[
    mailbox("lettermail.example", "Lettermail", 38, 20, 2),
    mailbox("orchardmail.example", "Orchard Mail", 24, 620, 1),
    mailbox("bluepost.example", "Bluepost", 14, 10, 6),
    mailbox("yonder.example", "Yonder", 9, 240, 2),
    mailbox("harbour.example", "Harbour", 6, 0, 1),
    mailbox("office.acme-widgets.example", "Acme Widgets", 5, 30, 140),
    mailbox("students.northfield.example", "Northfield", 3, 0, 60),
    mailbox("tinybox.example", "Tinybox", 1, 0, 0),
];

/// Where a user lives.
#[derive(Debug)]
pub struct Place {
    /// Country code.
    pub country: &'static str,
    /// Language code.
    pub language: &'static str,
    /// Time zone.
    pub zone: &'static str,
    /// City.
    pub city: &'static str,
    /// Latitude and longitude, degrees.
    pub at: (f32, f32),
}

const fn place(
    country: &'static str,
    language: &'static str,
    zone: &'static str,
    city: &'static str,
    at: (f32, f32),
) -> Place {
    Place { country, language, zone, city, at }
}

/// Places, the common ones more than once.
pub const PLACES: &[Place] = &[
    place("US", "en", "America/New_York", "New York", (40.71, -74.01)),
    place("US", "en", "America/New_York", "Boston", (42.36, -71.06)),
    place("US", "en", "America/Chicago", "Chicago", (41.88, -87.63)),
    place("US", "es", "America/Chicago", "Houston", (29.76, -95.37)),
    place("US", "en", "America/Los_Angeles", "Los Angeles", (34.05, -118.24)),
    place("US", "en", "America/Denver", "Denver", (39.74, -104.99)),
    place("GB", "en", "Europe/London", "London", (51.51, -0.13)),
    place("GB", "en", "Europe/London", "Leeds", (53.80, -1.55)),
    place("DE", "de", "Europe/Berlin", "Berlin", (52.52, 13.41)),
    place("DE", "de", "Europe/Berlin", "Köln", (50.94, 6.96)),
    place("FR", "fr", "Europe/Paris", "Lyon", (45.76, 4.84)),
    place("ES", "es", "Europe/Madrid", "Málaga", (36.72, -4.42)),
    place("BR", "pt", "America/Sao_Paulo", "São Paulo", (-23.55, -46.63)),
    place("MX", "es", "America/Mexico_City", "Puebla", (19.04, -98.21)),
    place("JP", "ja", "Asia/Tokyo", "大阪", (34.69, 135.50)),
    place("AU", "en", "Australia/Sydney", "Sydney", (-33.87, 151.21)),
    place("IN", "en", "Asia/Kolkata", "Pune", (18.52, 73.86)),
    place("PL", "pl", "Europe/Warsaw", "Łódź", (51.76, 19.46)),
];

/// Given names, without accents since they stand in addresses.
pub const FIRST_NAMES: &[&str] = &[
    "Ada", "Bela", "Carla", "Dario", "Elin", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Lars", "Mina", "Nils",
    "Olga", "Pablo", "Quinn", "Rosa", "Sami", "Tara", "Uri", "Vera", "Wim", "Xenia", "Yara", "Zeno",
];
/// Family names.
pub const LAST_NAMES: &[&str] = &[
    "Abel", "Brook", "Castle", "Dunes", "Ember", "Fields", "Grove", "Harbor", "Isles", "Juniper", "Knoll", "Lake",
    "Meadow", "Nook", "Oakes", "Pond", "Quarry", "Ridge", "Stone", "Thorn", "Umber", "Vale", "Wells", "York",
];

/// A kind of device: platform, model, newest system.
pub const DEVICES: &[(&str, &str, &str)] = &[
    ("ios", "iPhone15,2", "17.4"),
    ("ios", "iPhone14,5", "16.7.2"),
    ("ios", "iPhone12,1", "17.1"),
    ("ios", "iPad13,18", "17.4"),
    ("android", "Pixel 7", "14"),
    ("android", "SM-S911B", "14"),
    ("android", "SM-A546E", "13"),
    ("android", "Redmi Note 12", "12"),
    ("web", "Chrome", "Windows 10"),
    ("web", "Safari", "macOS 14"),
];

/// Things to sell.
pub const PRODUCTS: &[&str] = &[
    "mug-blue",
    "mug-green",
    "kettle-1l",
    "lamp-desk",
    "lamp-floor",
    "rug-160",
    "chair-oak",
    "poster-a2",
    "plant-fern",
    "clock-wall",
    "tray-ash",
    "towel-set",
];
/// Links in messages.
pub const LINKS: &[&str] = &["home", "sale", "product", "cart", "preferences", "unsubscribe"];
/// What users do.
pub const EVENTS: &[&str] = &[
    "product_viewed",
    "search",
    "added_to_cart",
    "removed_from_cart",
    "checkout_started",
    "wishlist_added",
    "review_written",
    "store_locator_opened",
    "coupon_applied",
];
/// Themes of campaigns.
pub const THEMES: &[&str] = &[
    "Spring sale",
    "New arrivals",
    "Weekend picks",
    "Back in stock",
    "Loyalty points",
    "Members' day",
    "Price drop",
    "Cart reminder",
    "How was it?",
    "Order update",
    "Year in review",
    "Store opening",
];
/// Themes of Canvases.
pub const JOURNEYS: &[&str] = &[
    "Welcome journey",
    "Win back",
    "First purchase",
    "Abandoned cart",
    "Loyalty tier",
    "Renewal",
    "Product tour",
    "Birthday",
];

/// Reasons of hard bounces.
pub const HARD_BOUNCES: &[&str] = &[
    "550 5.1.1 no such mailbox here",
    "550 5.4.1 recipient refused by policy",
    "554 5.7.1 sender blocked by the receiving site",
    "553 5.1.2 domain not found",
];
/// Reasons of soft bounces and deferrals.
pub const SOFT_BOUNCES: &[&str] = &[
    "452 4.2.2 mailbox is full",
    "421 4.7.0 too many connections, come back later",
    "451 4.3.0 temporary trouble at the receiving site",
    "450 4.1.1 greylisted",
];
/// User agents of people.
pub const AGENTS: &[&str] = &[
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_3) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.3 Safari/605.1.15",
];
/// Error codes of text message carriers with their meaning.
pub const CARRIER_ERRORS: &[(&str, &str)] = &[
    ("30003", "the handset cannot be reached"),
    ("30005", "the number is not known"),
    ("30006", "landline or unreachable carrier"),
    ("30007", "filtered by the carrier"),
    ("21610", "the recipient has opted out"),
];
/// What users write back, with what becomes of their subscription.
pub const REPLIES: &[(&str, &str)] = &[
    ("STOP", "Unsubscribed"),
    ("stop", "Unsubscribed"),
    ("START", "Subscribed"),
    ("HELP", "None"),
    ("thanks!", "None"),
    ("where is my order?", "None"),
    ("Yes 👍", "None"),
    ("no, \"never\" again", "None"),
];
/// How long after a Canvas or campaign each of its four goals may be met, in seconds.
pub const GOAL_SECONDS: [u32; 4] = [259_200, 86_400, 604_800, 3_600];
