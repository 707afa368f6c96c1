//! Pages for those who come from somewhere else.

pub mod from_aiohttp;
pub mod from_reqwest;
