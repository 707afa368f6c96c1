//! Pages on one subject each, without code of their own.

pub mod ambient_or_captured;
pub mod from_aiohttp;
pub mod from_reqwest;
pub mod platforms;
