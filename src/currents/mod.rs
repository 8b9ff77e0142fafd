//! temp
mod event_type;
mod queue_hour;
pub use event_type::EventType;
pub use queue_hour::QueueHour;
