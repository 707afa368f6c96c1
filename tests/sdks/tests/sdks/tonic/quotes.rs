//! The messages of the example, and what is generated of its service.

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Price {
    #[prost(uint32, tag = "1")]
    pub(crate) cents: u32,
}

impl Item {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }
}

mod generated {
    #![allow(warnings, clippy::all, clippy::pedantic, reason = "it is generated")]
    use super::{Item, Price};
    include!(concat!(env!("OUT_DIR"), "/quotes.Quotes.rs"));
}

pub(crate) use generated::{quotes_client as client, quotes_server as server};
