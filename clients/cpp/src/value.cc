#include "millhand/value.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/stubs/common.h>

#include <cmath>
#include <cstdint>

#include "millhand/errors.h"
#include "status.h"

namespace millhand {
namespace {

// The largest integer up to which a double holds every integer.
constexpr std::int64_t kMaxInteger = std::int64_t{1} << 53;
// Only a guard for the stack: the server's limit is lower and its to tell.
constexpr int kMaxNesting = 64;

// Where something is within a payload; written out only if it is refused.
struct Place {
  const Place* within;
  // A key, or the payload's own field at the top.
  const std::string* name;
  int index = -1;

  [[nodiscard]] std::string text() const {
    if (within == nullptr) {
      return *name;
    }
    return index < 0 ? within->text().append(".").append(*name)
                     : within->text().append("[").append(std::to_string(index)).append("]");
  }
};

InvalidPayload unsendable(const Place& place, const std::string& why) {
  return internal::refused<InvalidPayload>("INVALID_PAYLOAD", place.text(), why);
}

// Without a second library: RFC 3629, by the ranges that the first byte allows for the second.
bool is_utf8(const std::string& text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = at + text.size();
  while (at != end) {
    const unsigned char first = *at++;
    if (first < 0x80) {
      continue;
    }
    if (first < 0xC2 || first > 0xF4) {
      return false;
    }
    const int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    if (end - at < more) {
      return false;
    }
    const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (*at < low || *at > high) {
      return false;
    }
    for (int i = 1; i < more; ++i) {
      if ((at[i] & 0xC0) != 0x80) {
        return false;
      }
    }
    at += more;
  }
  return true;
}

const std::string& checked(const std::string& text, const Place& place) {
  if (!is_utf8(text)) {
    throw unsendable(place, "is not valid UTF-8: send bytes");
  }
  return text;
}

double number_of(const Json& json, const Place& place) {
  if (json.is_number_float()) {
    const auto number = json.get<double>();
    if (!std::isfinite(number)) {
      throw unsendable(place, "JSON has no NaN and no infinities: send a string or a protobuf message");
    }
    return number;
  }
  const auto number = json.get<std::int64_t>();
  const bool beyond = json.is_number_unsigned() ? json.get<std::uint64_t>() > std::uint64_t{kMaxInteger}
                                                : number > kMaxInteger || number < -kMaxInteger;
  if (beyond) {
    throw unsendable(place, "an integer beyond 2^53 would lose digits as JSON: send a string or a protobuf message");
  }
  return json.get<double>();
}

void fill(google::protobuf::Value& target, const Json& json, const Place& place, int depth) {
  if (depth > kMaxNesting) {
    throw unsendable(place, "is nested too deeply");
  }
  switch (json.type()) {
    case Json::value_t::null:
      target.set_null_value(google::protobuf::NULL_VALUE);
      return;
    case Json::value_t::boolean:
      target.set_bool_value(json.get<bool>());
      return;
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      target.set_number_value(number_of(json, place));
      return;
    case Json::value_t::string:
      target.set_string_value(checked(json.get_ref<const std::string&>(), place));
      return;
    case Json::value_t::array: {
      auto& values = *target.mutable_list_value()->mutable_values();
      values.Reserve(static_cast<int>(json.size()));
      int index = 0;
      for (const Json& item : json) {
        fill(*values.Add(), item, {&place, nullptr, index++}, depth + 1);
      }
      return;
    }
    case Json::value_t::object: {
      auto& fields = *target.mutable_struct_value()->mutable_fields();
      for (const auto& [key, item] : json.items()) {
        fill(fields[checked(key, place)], item, {&place, &key}, depth + 1);
      }
      return;
    }
    case Json::value_t::binary:
    case Json::value_t::discarded:
      throw unsendable(place, "is not JSON: send bytes as a Blob of their own");
  }
}

Json number_of(double number) {
  const bool integral = std::trunc(number) == number && std::abs(number) <= static_cast<double>(kMaxInteger);
  return integral ? Json(static_cast<std::int64_t>(number)) : Json(number);
}

Json json_of(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kBoolValue:
      return value.bool_value();
    case google::protobuf::Value::kNumberValue:
      return number_of(value.number_value());
    case google::protobuf::Value::kStringValue:
      return value.string_value();
    case google::protobuf::Value::kListValue: {
      Json list = Json::array();
      for (const auto& item : value.list_value().values()) {
        list.push_back(json_of(item));
      }
      return list;
    }
    case google::protobuf::Value::kStructValue: {
      Json object = Json::object();
      for (const auto& [key, item] : value.struct_value().fields()) {
        object[key] = json_of(item);
      }
      return object;
    }
    default:
      return nullptr;
  }
}

google::protobuf::Any packed(const google::protobuf::Message& message) {
  if (const auto* any = dynamic_cast<const google::protobuf::Any*>(&message)) {
    return *any;
  }
  google::protobuf::Any any;
  any.PackFrom(message);
  return any;
}

}  // namespace

Value::Value(const google::protobuf::Message& message) : held_(packed(message)) {}

const Json& Value::json() const {
  static const Json* null = new Json();
  if (empty()) {
    return *null;
  }
  const auto* json = std::get_if<Json>(&held_);
  return json != nullptr ? *json : (refuse("it is no JSON"), *null);
}

const Blob& Value::blob() const {
  const auto* blob = std::get_if<Blob>(&held_);
  if (blob == nullptr) {
    refuse("it is no bytes");
  }
  return *blob;
}

const google::protobuf::Any& Value::any() const {
  const auto* any = std::get_if<google::protobuf::Any>(&held_);
  if (any == nullptr) {
    refuse("it is no protobuf message");
  }
  return *any;
}

void Value::unpack(google::protobuf::Message& message) const {
  if (!any().UnpackTo(&message)) {
    refuse("it is a " + any().type_url() + " and no " + message.GetTypeName());
  }
}

void Value::refuse(const std::string& why) {
  throw internal::local<UnexpectedOutput>(grpc::StatusCode::FAILED_PRECONDITION,
                                          "the value is not what was asked for: " + why);
}

v1::Payload to_payload(const Value& value, const std::string& field) {
  v1::Payload payload;
  if (value.is_json()) {
    fill(*payload.mutable_json(), value.json(), {nullptr, &field}, 0);
  } else if (value.is_blob()) {
    payload.mutable_blob()->set_data(value.blob().data);
    payload.mutable_blob()->set_content_type(value.blob().content_type);
  } else if (value.is_message()) {
    *payload.mutable_message() = value.any();
  }
  return payload;
}

Value from_payload(const v1::Payload& payload) {
  switch (payload.kind_case()) {
    case v1::Payload::kJson:
      return json_of(payload.json());
    case v1::Payload::kBlob:
      return Blob{payload.blob().data(), payload.blob().content_type()};
    case v1::Payload::kMessage:
      return payload.message();
    default:
      return {};
  }
}

}  // namespace millhand
