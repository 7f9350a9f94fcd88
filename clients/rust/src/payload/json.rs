//! A serializer of serde's that makes protobuf's JSON, and refuses what that would change.
//!
//! serde_json's own values would not do: they take NaN for null, and integers that a double cannot hold.

use std::fmt::Display;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde::ser::{self, Serialize};

use crate::{reason, Error};

/// The largest integer up to which a double holds every integer.
pub(super) const MAX_INTEGER: i64 = 1 << 53;

/// A value as it is sent.
pub(crate) fn to_json<T: Serialize + ?Sized>(given: &T) -> Result<Value, Error> {
    given.serialize(Serializer).map_err(|fault| {
        let path: String = fault.path.iter().rev().map(String::as_str).collect();
        Error::unsendable(reason::INVALID_PAYLOAD, &format!("payload.json{path}"), fault.description)
    })
}

/// What cannot be sent, and where it is; the path is told from the inside out.
#[derive(Debug)]
struct Fault {
    path: Vec<String>,
    description: String,
}

impl Fault {
    fn new(description: impl Into<String>) -> Self {
        Self { path: Vec::new(), description: description.into() }
    }

    fn below(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }
}

impl Display for Fault {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.description)
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(format!("cannot be written as JSON: {message}"))
    }
}

fn json(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

fn integer(given: i128) -> Result<Value, Fault> {
    if given.unsigned_abs() > MAX_INTEGER.unsigned_abs().into() {
        return Err(Fault::new(format!(
            "is {given}, beyond 2^53, which JSON numbers would change: send it as a string"
        )));
    }
    Ok(json(Kind::NumberValue(given as f64)))
}

fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    json(Kind::StructValue(Struct { fields: fields.into_iter().collect() }))
}

struct Serializer;

impl ser::Serializer for Serializer {
    type Ok = Value;
    type Error = Fault;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Object;

    fn serialize_bool(self, given: bool) -> Result<Value, Fault> {
        Ok(json(Kind::BoolValue(given)))
    }

    fn serialize_i8(self, given: i8) -> Result<Value, Fault> {
        integer(given.into())
    }

    fn serialize_i16(self, given: i16) -> Result<Value, Fault> {
        integer(given.into())
    }

    fn serialize_i32(self, given: i32) -> Result<Value, Fault> {
        integer(given.into())
    }

    fn serialize_i64(self, given: i64) -> Result<Value, Fault> {
        integer(given.into())
    }

    fn serialize_i128(self, given: i128) -> Result<Value, Fault> {
        integer(given)
    }

    fn serialize_u8(self, given: u8) -> Result<Value, Fault> {
        integer(given.into())
    }

    fn serialize_u16(self, given: u16) -> Result<Value, Fault> {
        integer(given.into())
    }

    fn serialize_u32(self, given: u32) -> Result<Value, Fault> {
        integer(given.into())
    }

    fn serialize_u64(self, given: u64) -> Result<Value, Fault> {
        integer(given.into())
    }

    fn serialize_u128(self, given: u128) -> Result<Value, Fault> {
        integer(given.try_into().unwrap_or(i128::MAX))
    }

    fn serialize_f32(self, given: f32) -> Result<Value, Fault> {
        self.serialize_f64(given.into())
    }

    fn serialize_f64(self, given: f64) -> Result<Value, Fault> {
        if !given.is_finite() {
            return Err(Fault::new(format!("is {given}, which JSON does not have")));
        }
        Ok(json(Kind::NumberValue(given)))
    }

    fn serialize_char(self, given: char) -> Result<Value, Fault> {
        self.serialize_str(given.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, given: &str) -> Result<Value, Fault> {
        Ok(json(Kind::StringValue(given.to_owned())))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Fault> {
        Err(Fault::new("is bytes, which JSON does not have: send them with `TaskSpec::bytes`, or as a string"))
    }

    fn serialize_none(self) -> Result<Value, Fault> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, given: &T) -> Result<Value, Fault> {
        given.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Fault> {
        Ok(json(Kind::NullValue(prost_types::NullValue::NullValue.into())))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Fault> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Fault> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, given: &T) -> Result<Value, Fault> {
        given.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        given: &T,
    ) -> Result<Value, Fault> {
        let value = given.serialize(Serializer).map_err(|fault| fault.below(format!(".{variant}")))?;
        Ok(object([(variant.to_owned(), value)]))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List, Fault> {
        Ok(List { values: Vec::with_capacity(length.unwrap_or(0)), variant: None })
    }

    fn serialize_tuple(self, length: usize) -> Result<List, Fault> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<List, Fault> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<List, Fault> {
        Ok(List { values: Vec::with_capacity(length), variant: Some(variant) })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object, Fault> {
        Ok(Object::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object, Fault> {
        Ok(Object::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object, Fault> {
        Ok(Object { variant: Some(variant), ..Default::default() })
    }
}

/// Wraps what an enum's variant holds, as serde_json does.
fn of_variant(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(name) => object([(name.to_owned(), value)]),
        None => value,
    }
}

struct List {
    values: Vec<Value>,
    variant: Option<&'static str>,
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, given: &T) -> Result<(), Fault> {
        let value = given.serialize(Serializer).map_err(|fault| fault.below(format!("[{}]", self.values.len())))?;
        self.values.push(value);
        Ok(())
    }

    fn finish(self) -> Value {
        of_variant(self.variant, json(Kind::ListValue(ListValue { values: self.values })))
    }
}

#[derive(Default)]
struct Object {
    fields: Vec<(String, Value)>,
    key: String,
    variant: Option<&'static str>,
}

impl Object {
    fn insert<T: Serialize + ?Sized>(&mut self, key: String, given: &T) -> Result<(), Fault> {
        let value = given.serialize(Serializer).map_err(|fault| fault.below(format!(".{key}")))?;
        self.fields.push((key, value));
        Ok(())
    }

    fn finish(self) -> Value {
        of_variant(self.variant, object(self.fields))
    }
}

impl ser::SerializeMap for Object {
    type Ok = Value;
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key = match key.serialize(Serializer)?.kind {
            Some(Kind::StringValue(text)) => text,
            Some(Kind::NumberValue(number)) if number.fract() == 0.0 => format!("{number}"),
            Some(Kind::BoolValue(known)) => known.to_string(),
            _ => return Err(Fault::new("has a key that is no text")),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, given: &T) -> Result<(), Fault> {
        let key = std::mem::take(&mut self.key);
        self.insert(key, given)
    }

    fn end(self) -> Result<Value, Fault> {
        Ok(self.finish())
    }
}

/// The traits of serde that differ in their names only.
macro_rules! compound {
    ($($trait:ident: $method:ident for List)*) => {$(
        impl ser::$trait for List {
            type Ok = Value;
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(&mut self, given: &T) -> Result<(), Fault> {
                self.push(given)
            }

            fn end(self) -> Result<Value, Fault> {
                Ok(self.finish())
            }
        }
    )*};
    ($($trait:ident for Object)*) => {$(
        impl ser::$trait for Object {
            type Ok = Value;
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, given: &T) -> Result<(), Fault> {
                self.insert(key.to_owned(), given)
            }

            fn end(self) -> Result<Value, Fault> {
                Ok(self.finish())
            }
        }
    )*};
}

compound! {
    SerializeSeq: serialize_element for List
    SerializeTuple: serialize_element for List
    SerializeTupleStruct: serialize_field for List
    SerializeTupleVariant: serialize_field for List
}
compound! {
    SerializeStruct for Object
    SerializeStructVariant for Object
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::natural;
    use super::*;

    fn there_and_back<T: Serialize>(given: T) -> serde_json::Value {
        natural::value(&to_json(&given).unwrap())
    }

    fn refused<T: Serialize>(given: T) -> (String, String) {
        let error = to_json(&given).unwrap_err();
        assert_eq!(error.reason(), reason::INVALID_PAYLOAD);
        let violation = &error.violations()[0];
        (violation.field.clone(), violation.description.clone())
    }

    #[derive(Serialize)]
    enum Shape {
        Nothing,
        Circle(f64),
        Line(i32, i32),
        Box { width: u8, label: Option<&'static str> },
    }

    #[test]
    fn values_come_back_as_serde_json_would_have_them() {
        let value = json!({"a": [1, -2.5, true, null, "größe 🦀", {}, []], "b": 9_007_199_254_740_992_i64});

        assert_eq!(there_and_back(&value), value);
    }

    #[test]
    fn types_of_ones_own_are_written_as_serde_json_writes_them() {
        let shapes = [Shape::Nothing, Shape::Circle(0.5), Shape::Line(1, 2), Shape::Box { width: 3, label: None }];
        let keyed = BTreeMap::from([(1, 'x')]);

        assert_eq!(there_and_back(&shapes), serde_json::to_value(&shapes).unwrap());
        assert_eq!(there_and_back(&keyed), serde_json::to_value(&keyed).unwrap());
    }

    #[test]
    fn what_a_double_would_change_is_refused_with_its_path() {
        let (field, description) = refused(json!({"a": [0, {"b": 9_007_199_254_740_993_i64}]}));

        assert_eq!(field, "payload.json.a[1].b");
        assert!(description.contains("9007199254740993"), "{description}");
        assert_eq!(refused(u64::MAX).0, "payload.json");
        assert_eq!(refused(i128::MIN).0, "payload.json");
        assert_eq!(refused([1.0, f64::NAN]).0, "payload.json[1]");
        assert_eq!(refused(Shape::Circle(f64::INFINITY)).0, "payload.json.Circle");
    }
}
