// What handlers are given and return: JSON, bytes or a protobuf message.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message.h>

#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "millhand/v1/payload.pb.h"

namespace millhand {

/// Any JSON value. Numbers travel as doubles: see Value.
using Json = nlohmann::json;

/// Bytes, and what they are.
struct Blob {
  std::string data;
  /// A media type such as `image/png`. May be empty.
  std::string content_type{};

  friend bool operator==(const Blob&, const Blob&) = default;
};

class Value;

namespace internal {
/// What converts to Json and is none of a Value's other kinds.
template <class T, class Plain = std::remove_cvref_t<T>>
concept OtherJson = !std::same_as<Plain, Value> && !std::same_as<Plain, Json> && !std::same_as<Plain, Blob> &&
                    !std::derived_from<Plain, google::protobuf::Message> && std::convertible_to<T, Json>;
}  // namespace internal

/// A payload in the language's own terms. Empty means none at all, which the handler sees as null, as it does
/// Json(nullptr).
///
/// Integers come back from JSON as integers up to 2^53, larger and fractional numbers as doubles. NaN,
/// infinities, integers beyond 2^53, text that is not UTF-8 and nlohmann's binary values cannot be sent:
/// `to_payload` throws InvalidPayload for them and names the place.
class Value {
 public:
  Value() = default;
  // Implicit: a Value is what a caller writes as a payload.
  // NOLINTBEGIN(google-explicit-constructor, bugprone-forwarding-reference-overload)
  Value(Json json) : held_(std::move(json)) {}
  Value(Blob blob) : held_(std::move(blob)) {}
  Value(google::protobuf::Any packed) : held_(std::move(packed)) {}
  Value(const google::protobuf::Message& message);
  template <internal::OtherJson T>
  Value(T&& json) : held_(Json(std::forward<T>(json))) {}
  // NOLINTEND(google-explicit-constructor, bugprone-forwarding-reference-overload)

  [[nodiscard]] bool empty() const noexcept { return std::holds_alternative<std::monostate>(held_); }
  [[nodiscard]] bool is_json() const noexcept { return std::holds_alternative<Json>(held_); }
  [[nodiscard]] bool is_blob() const noexcept { return std::holds_alternative<Blob>(held_); }
  [[nodiscard]] bool is_message() const noexcept { return std::holds_alternative<google::protobuf::Any>(held_); }

  /// The JSON; null if there is no payload. Throws UnexpectedOutput if this is bytes or a message.
  [[nodiscard]] const Json& json() const;
  /// The bytes. Throws UnexpectedOutput if this is anything else.
  [[nodiscard]] const Blob& blob() const;
  /// The message with its type's name. Throws UnexpectedOutput if this is anything else.
  [[nodiscard]] const google::protobuf::Any& any() const;

  /// This as a `T`: a generated message class, Blob, or what nlohmann::json converts to. Throws
  /// UnexpectedOutput if it is none.
  template <class T>
  [[nodiscard]] T as() const {
    if constexpr (std::derived_from<T, google::protobuf::Message>) {
      T message;
      unpack(message);
      return message;
    } else if constexpr (std::same_as<T, Blob>) {
      return blob();
    } else {
      try {
        return json().template get<T>();
      } catch (const Json::exception& mismatch) {
        refuse(mismatch.what());
      }
    }
  }

 private:
  void unpack(google::protobuf::Message& message) const;
  [[noreturn]] static void refuse(const std::string& why);

  std::variant<std::monostate, Json, Blob, google::protobuf::Any> held_;
};

/// `value` as it is sent; `field` is what violations call it. Throws InvalidPayload, see Value.
v1::Payload to_payload(const Value& value, const std::string& field = "payload");
/// What was received. A payload of no kind known here is empty.
Value from_payload(const v1::Payload& payload);

}  // namespace millhand
