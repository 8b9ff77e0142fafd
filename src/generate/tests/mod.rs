//! later
mod reader;
mod specs;
