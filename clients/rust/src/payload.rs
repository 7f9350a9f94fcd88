//! Values on their way to a handler and back.

mod json;
mod natural;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::v1;
use crate::Error;

/// What a payload can be: JSON, bytes or a message.
pub use crate::v1::payload::Kind as Payload;

pub(crate) use json::to_json;

/// A payload as a natural value; JSON null if there is none. Integral numbers up to 2^53 are integers.
pub(crate) fn to_value(payload: Option<&v1::Payload>) -> Option<Value> {
    match payload.and_then(|known| known.kind.as_ref()) {
        None => Some(Value::Null),
        Some(Payload::Json(json)) => Some(natural::value(json)),
        Some(Payload::Blob(_) | Payload::Message(_)) => None,
    }
}

/// A payload as a value of a type of one's own.
pub(crate) fn decode<R: DeserializeOwned>(payload: Option<&v1::Payload>) -> Result<R, Error> {
    let Some(value) = to_value(payload) else {
        let fault = "it is bytes or a message, not JSON: see `TaskResult::bytes` and `TaskResult::message`";
        return Err(<serde_json::Error as serde::de::Error>::custom(fault).into());
    };
    Ok(serde_json::from_value(value)?)
}
