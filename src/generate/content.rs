//! What a field says: one content for each field name Braze uses, and a filler for every other.

use super::catalog::Part;
use super::dice::mix_text;
use super::options::{AvroType, FieldSpec};
use super::timeline::{BEGIN, FALLBACK, FIRST, HARD, MACHINE};
use super::words::{EVENTS, SOFT_BOUNCES};

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// The event's identity.
    Id,
    /// Who.
    User,
    /// The survivor of a merge.
    Heir,
    /// The customer's id of the user.
    External,
    /// When, in seconds.
    Time,
    /// When, in milliseconds.
    TimeMs,
    /// When the message was sent, in seconds; a token's age.
    Sent,
    /// The workspace.
    AppGroup,
    /// The app, by the device's platform.
    App,
    /// A text of the message.
    Part(Part),
    /// A text of the message, where an old export has an internal id in this field.
    InternalPart(Part),
    /// A text of the message, only in an old export.
    ApiPart(Part),
    /// What the recipients of one dispatch share.
    Dispatch,
    /// A UUID of the story (session, Canvas entry, activity).
    Link,
    /// A UUID of the story and its user (a card, a chat message).
    LinkUser,
    /// The same in a reply; in a reply the own id is [`Content::OwnId`].
    InReplyTo,
    /// A UUID of this event alone.
    OwnId,
    /// The e-mail address.
    Email,
    /// Its domain.
    Domain,
    /// Its provider.
    Mailbox,
    /// The phone number.
    Phone,
    /// Time zone.
    Zone,
    /// Country.
    Country,
    /// Language.
    Language,
    /// City.
    City,
    /// Gender.
    Gender,
    /// Given name.
    FirstName,
    /// Family name.
    LastName,
    /// Birthday.
    Birthday,
    /// Latitude.
    Latitude,
    /// Longitude.
    Longitude,
    /// An opaque id of the user, under a number that tells such ids apart.
    UserToken(u64),
    /// The device.
    Device,
    /// Its model.
    DeviceModel,
    /// Its system.
    OsVersion,
    /// Its platform.
    Platform,
    /// Its advertising id.
    AdId,
    /// The kind of that id.
    AdIdType,
    /// An opaque token of the device.
    DeviceToken(u64),
    /// A flag as the text `true` or nothing.
    FlagText(u8),
    /// A flag as true or nothing.
    FlagTrue(u8),
    /// A flag as true or false.
    Flag(u8),
    /// Whether the click looks like a scanner's, unknown before filtering was on.
    Bot,
    /// Why.
    BotReason,
    /// The link that was followed.
    Url,
    /// Its name in the message.
    LinkAlias,
    /// Its number in the message.
    LinkId,
    /// The program that followed it.
    UserAgent,
    /// Why a message bounced.
    BounceReason,
    /// What the carrier answered: its text.
    CarrierText,
    /// What the carrier answered: its code.
    CarrierCode,
    /// What a user wrote back.
    ReplyText,
    /// What it did to the subscription.
    ReplyAction,
    /// The channel whose subscription changed: that of the message it answers, else one of these.
    SubscriptionChannel(&'static [&'static str]),
    /// The subscription group of the message, else one of a few.
    SubscriptionGroup,
    /// What the subscription is now.
    SubscriptionStatus,
    /// What converted, as JSON text.
    Conversion,
    /// Which of the conversions, 0 to 3.
    ConversionIndex,
    /// The number kept with the event.
    Detail,
    /// Properties as JSON text.
    Properties,
    /// Custom attributes as JSON text.
    Attributes,
    /// A price.
    Price,
    /// One of some words, the same for all events of a message.
    OfMessage(&'static [&'static str]),
    /// One of some words, the same for all events of a dispatch.
    OfDispatch(&'static [&'static str]),
    /// One of some words; null so many times in 1024 where the schema allows it.
    Words(&'static [&'static str], u16),
    /// A number in a range; null so many times in 1024.
    Number(i32, i32, u16),
    /// Hundredths in a range; null so many times in 1024.
    Real(i32, i32, u16),
    /// True so many times in 1024; null so many times.
    Chance(u16, u16),
    /// A few texts; null so many times in 1024.
    List(&'static [&'static str], u16),
    /// Random hexadecimal digits; null so many times in 1024.
    Random(u16),
    /// Nothing is known about the field.
    Filler,
}

/// Null as often as the columns of an export are that hardly anyone uses.
const RARE: u16 = 940;

/// What the field of an event type says.
pub fn content(event_type: &str, field: &FieldSpec) -> Content {
    use Content::{
        AdId, AdIdType, App, AppGroup, Attributes, BotReason, BounceReason, CarrierCode, CarrierText, Chance,
        Conversion, ConversionIndex, Detail, Device, DeviceModel, DeviceToken, Dispatch, Flag, FlagText, FlagTrue,
        Link, LinkAlias, LinkId, LinkUser, List, Number, OsVersion, OwnId, Platform, Price, Properties, Random, Real,
        Url, UserAgent, UserToken, Words,
    };
    let inbound = event_type.ends_with("InboundReceive");
    let exit = event_type.starts_with("users.canvas.exit.");
    let of_part = |part| if exit { Content::InternalPart(part) } else { Content::Part(part) };
    match field.name.as_str() {
        "id" => Content::Id,
        "user_id" => Content::User,
        "external_user_id" => Content::External,
        "orphaned_by_id" => Content::Heir,
        "time" => Content::Time,
        "time_ms" => Content::TimeMs,
        "send_time" | "push_token_created_at" => Content::Sent,
        "push_token_updated_at" => Content::Time,
        "app_group_id" => AppGroup,
        "app_group_api_id" => Words(&["b7a1f0c2-5d0e-4f52-9a53-0d6a1c1f7e11"], 0),
        "app_id" => App,
        "campaign_id" => Content::Part(Part::CampaignId),
        "campaign_name" => Content::Part(Part::CampaignName),
        "message_variation_id" => Content::Part(Part::VariationId),
        "message_variation_name" => Content::Part(Part::VariationName),
        "send_id" => Content::Part(Part::SendId),
        "canvas_id" => of_part(Part::CanvasId),
        "canvas_variation_id" => of_part(Part::CanvasVariationId),
        "canvas_step_id" => of_part(Part::StepId),
        "canvas_api_id" => Content::ApiPart(Part::CanvasId),
        "canvas_variation_api_id" => Content::ApiPart(Part::CanvasVariationId),
        "canvas_step_api_id" => Content::ApiPart(Part::StepId),
        "canvas_name" => Content::Part(Part::CanvasName),
        "canvas_variation_name" => Content::Part(Part::CanvasVariationName),
        "canvas_step_name" => Content::Part(Part::StepName),
        "canvas_step_message_variation_id" => Content::Part(Part::StepMessageId),
        "next_step_id" => Content::Part(Part::NextStepId),
        "experiment_step_id" | "content_optimizer_step_id" => Content::Part(Part::StepId),
        "experiment_split_id" => Content::Part(Part::StepMessageId),
        "experiment_split_name" => Content::Part(Part::CanvasVariationName),
        "subscription_group_id" => Content::SubscriptionGroup,
        "from_domain"
        | "from_phone_number"
        | "inbound_phone_number"
        | "from_rcs_sender"
        | "to_rcs_sender"
        | "line_channel_id" => Content::Part(Part::Sender),
        "ip_pool" => Content::Part(Part::IpPool),
        "message_extras" => Content::Part(Part::Extras),
        "short_url" => Content::Part(Part::ShortUrl),
        "channel" if event_type.starts_with("users.canvas") => Content::Part(Part::ChannelName),
        "channel" if event_type.contains("subscriptiongroup") => Content::SubscriptionChannel(&["email"]),
        "channel" => Content::SubscriptionChannel(&["email", "email", "push"]),
        "dispatch_id" => Dispatch,
        "session_id" | "canvas_entry_id" | "activity_id" | "invocation_id" | "request_id" => Link,
        "message_id" if inbound => OwnId,
        "in_reply_to" => Content::InReplyTo,
        "content_card_id" | "card_id" | "message_id" => LinkUser,
        "tool_call_id" => OwnId,
        "provider_request_id" | "combination_token" => Random(60),
        "email_address" => Content::Email,
        "recipient_domain" => Content::Domain,
        "mailbox_provider" => Content::Mailbox,
        "to_phone_number" | "user_phone_number" | "phone_number" => Content::Phone,
        "channel_identifier" => Content::Email,
        "timezone" => Content::Zone,
        "country" => Content::Country,
        "language" | "locale_key" => Content::Language,
        "home_city" => Content::City,
        "gender" => Content::Gender,
        "first_name" => Content::FirstName,
        "last_name" => Content::LastName,
        "dob" => Content::Birthday,
        "latitude" => Content::Latitude,
        "longitude" => Content::Longitude,
        "native_line_id" => UserToken(1),
        "bsuid" => UserToken(2),
        "device_id" | "push_token_device_id" => Device,
        "device_model" => DeviceModel,
        "os_version" | "device_os" => OsVersion,
        "platform" => Platform,
        "ad_id" => AdId,
        "ad_id_type" => AdIdType,
        "ad_tracking_enabled" => Chance(500, 500),
        "push_token" => DeviceToken(1),
        "push_to_start_token" => DeviceToken(2),
        "update_token" => DeviceToken(3),
        "machine_open" => FlagText(MACHINE),
        "is_drop" => Flag(HARD),
        "is_terminal" => Flag(HARD),
        "in_control_group" => Flag(HARD),
        "is_sms_fallback" => FlagTrue(FALLBACK),
        "is_canvas_entry" => Flag(BEGIN),
        "is_unique" => Flag(FIRST),
        "is_suspected_bot_click" => Content::Bot,
        "suspected_bot_click_reason" => BotReason,
        "url" => Url,
        "link_alias" => LinkAlias,
        "link_id" => LinkId,
        "user_agent" => UserAgent,
        "bounce_reason" => BounceReason,
        "deferral_reason" => Words(SOFT_BOUNCES, 0),
        "error" if event_type.starts_with("agentconsole.") => Words(&["the model took too long"], 990),
        "error" => CarrierText,
        "provider_error_code" => CarrierCode,
        "provider_error_title" => Words(&["recipient not reachable", "template paused", "limit reached"], 0),
        "conversion_behavior" => Conversion,
        "conversion_behavior_index" => ConversionIndex,
        "attempt_count" | "retry_count" => Detail,
        "duration" if event_type.starts_with("agentconsole.") => Number(180, 24_000, 0),
        "duration" => Detail,
        "properties" => Properties,
        "custom_attributes" => Attributes,
        "price" => Price,
        "name" => Words(EVENTS, 0),
        "currency" => Words(&["USD", "USD", "USD", "EUR", "GBP", "JPY"], 0),
        "product_id" => Words(super::words::PRODUCTS, 0),
        "sending_ip" => Content::OfDispatch(&["192.0.2.11", "192.0.2.12", "198.51.100.7", "203.0.113.40"]),
        "esp" => Content::OfMessage(&["sparkpost", "sendgrid"]),
        "is_amp" => Chance(8, 0),
        "browser" => Words(&["Chrome", "Safari", "Firefox", "Mail"], 300),
        "device_class" => Words(&["Mobile", "Mobile", "Desktop", "Tablet"], 200),
        "has_url_parameters" | "link_aliasing_enabled" => Chance(700, 100),
        "carrier" => Words(&["Northtel", "Cellora", "Skylink"], 600),
        "resolution" => Words(&["1170x2532", "1080x2340", "1440x3120"], 300),
        "sdk_version" => Words(&["9.1.0", "9.2.0", "10.0.0", "30.1.1"], 20),
        "category" => Words(&["marketing", "basic", "single"], 300),
        "action" => Content::ReplyAction,
        "message_body" => Content::ReplyText,
        "media_urls" => List(&["https://media.example/a.jpg", "https://media.example/b c.png"], 850),
        "quick_reply_text" => Words(&["Yes", "No", "Later"], 800),
        "template_name" => Words(&["order_update_v2", "sale_teaser", "welcome_1"], 150),
        "flow_response_json" => Words(&["{\"size\":\"M\",\"colours\":[\"blue\",\"green\"]}"], 960),
        "element_type" => Words(&["suggested_reply", "suggested_action"], 100),
        "element_label" => Words(&["Show me", "Not now", "Call us"], 100),
        "interaction_type" => Words(&["click", "reply"], 0),
        "line_channel_name" => Words(&["Shop", "Shop Service"], 0),
        "endpoint_url" => Words(&["https://hooks.shop.example/crm/events"], 0),
        "host" => Words(&["hooks.shop.example"], 0),
        "url_path" => Words(&["/crm/events"], 0),
        "http_status_code" => Words(&["500", "502", "503", "429", "404"], 0),
        "webhook_failure_source" => Words(&["endpoint", "timeout"], 0),
        "webhook_duration" => Number(20, 30_000, 0),
        "content_length" => Number(0, 4_000, 0),
        "raw_response" => Words(&["{\"error\":\"try again later\"}", "<html>bad gateway</html>"], 300),
        "banner_placement_id" => Content::OfMessage(&["home_top", "cart_side", "account"]),
        "button_id" => Words(&["0", "1"], 250),
        "button_action_type" => Words(&["URI", "DEEP_LINK", "CLOSE"], 800),
        "button_string" => Words(&["buy_now", "later", "close"], 800),
        "feature_flag_id_name" => Words(&["new_checkout", "dark_mode", "fast_search"], 0),
        "version" => Words(&["1", "2"], 0),
        "abort_type" => Words(&["liquid_abort_message", "rate_limit", "quiet_hours", "frequency_capping"], 0),
        "abort_log" => Words(&["no stock for the product", "quiet hours", "rate limit reached"], 50),
        "retry_type" => Words(&["provider_throttled", "provider_unavailable"], 0),
        "retry_log" => Words(&["the provider asked to slow down", "the provider did not answer"], 50),
        "exit_reason" => Words(&["matched_audience", "performed_event"], 800),
        "progression_type" => Words(&["advance", "advance", "advance", "exit"], 0),
        "state_change_source" => Words(&["dashboard", "api", "preference_center", "email_list_unsubscribe"], 20),
        "subscription_status" => Content::SubscriptionStatus,
        "update_source" => Words(&["rest_api", "sdk", "dashboard", "csv_import"], 0),
        "archived" => Chance(5, 200),
        "source" => Words(&["organic", "search_ads", "partner_network"], 0),
        "altitude" => Real(0, 90_000, 200),
        "alt_accuracy" | "ll_accuracy" => Real(100, 12_000, 200),
        "random_bucket_number" | "prev_random_bucket_number" => Number(0, 10_000, 0),
        "ios_push_token_apns_gateway" => Number(1, 3, 300),
        "push_token_foreground_push_disabled" | "push_token_provisionally_opted_in" => Chance(40, 300),
        "push_token_state_change_type" => Words(&["add", "update", "remove"], 0),
        "web_push_token_public_key" | "web_push_token_user_auth" | "web_push_token_vapid_public_key" => Random(RARE),
        "activity_attributes_type" => Words(&["DeliveryAttributes", "MatchAttributes"], 0),
        "live_activity_event_type" => Words(&["start", "update", "end"], 0),
        "live_activity_event_outcome" => Words(&["success", "success", "success", "token_invalid"], 0),
        "agent_id" => Words(&["4f9a1d0c77e2", "90be5512ac03"], 0),
        "agent_name" => Words(&["Subject line writer", "Product picker"], 0),
        "invocation_source" => Words(&["canvas_step", "catalog_field"], 100),
        "model_name" => Words(&["small-2", "large-1"], 0),
        "model_provider" => Words(&["modelhouse", "inhouse"], 0),
        "tool_name" => Words(&["find_product", "read_profile"], 0),
        "tool_arguments" => Words(&["{\"query\":\"blue mug\",\"limit\":3}", "{}"], 0),
        "input" => Words(&["Write a subject line for the spring sale.", "Pick a product\nfor this reader."], 100),
        "output" => Words(&["Spring is here", "mug-blue"], 100),
        "is_error" => Chance(15, 0),
        "cache_hit" => Chance(300, 0),
        "llm_owned_by_customer" => Chance(100, 0),
        "prompt_tokens" | "total_tokens" => Number(200, 6_000, 0),
        "completion_tokens" | "reasoning_tokens" | "cache_tokens" => Number(0, 900, 0),
        "subscription_group_api_id"
        | "company_id"
        | "flow_id"
        | "catalog_id"
        | "media_id"
        | "medial_urls"
        | "thinking_level" => Content::Filler,
        _ => match field.avro {
            AvroType::Int | AvroType::Long => Number(0, 1_000, 500),
            AvroType::Float => Real(0, 100_000, 500),
            AvroType::Boolean => Chance(500, 500),
            AvroType::String | AvroType::StringArray => Content::Filler,
        },
    }
}

/// A number that sets the chances of one field apart from those of the others.
pub fn salt(field: &str) -> u64 {
    mix_text(field)
}
