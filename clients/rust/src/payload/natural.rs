//! Protobuf's JSON as serde_json has it.

use prost_types::value::Kind;
use serde_json::{Number, Value};

use super::json::MAX_INTEGER;

/// A value as serde_json would have read it.
pub(super) fn value(given: &prost_types::Value) -> Value {
    match &given.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(known)) => Value::Bool(*known),
        Some(Kind::NumberValue(known)) => number(*known),
        Some(Kind::StringValue(known)) => Value::String(known.clone()),
        Some(Kind::ListValue(known)) => Value::Array(known.values.iter().map(value).collect()),
        Some(Kind::StructValue(known)) => {
            Value::Object(known.fields.iter().map(|(name, field)| (name.clone(), value(field))).collect())
        }
    }
}

/// A number, as an integer where a double holds every integer: types of integers then take it.
fn number(given: f64) -> Value {
    if given.fract() == 0.0 && given.abs() <= MAX_INTEGER as f64 {
        return Value::Number(Number::from(given as i64));
    }
    // A server sends no NaN and no infinity, which JSON does not have.
    Number::from_f64(given).map_or(Value::Null, Value::Number)
}
