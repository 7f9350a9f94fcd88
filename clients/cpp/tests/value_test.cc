#include <google/protobuf/duration.pb.h>
#include <gtest/gtest.h>
#include <millhand/millhand.h>

#include <cmath>
#include <limits>

namespace millhand {
namespace {

Value there_and_back(const Value& value) { return from_payload(to_payload(value)); }

TEST(Value, JsonComesBackAsItWas) {
  const Json json = {
      {"text", "grüße \U0001F600"}, {"list", {1, 2.5, true, nullptr, Json::array()}}, {"object", Json::object()}};
  EXPECT_EQ(there_and_back(json).json(), json);
}

TEST(Value, IntegersComeBackAsIntegersUpToTwoToThe53) {
  const std::int64_t largest = std::int64_t{1} << 53;
  EXPECT_TRUE(there_and_back(largest).json().is_number_integer());
  EXPECT_EQ(there_and_back(-largest).as<std::int64_t>(), -largest);
  EXPECT_TRUE(there_and_back(1e300).json().is_number_float());
}

TEST(Value, IntegersBeyondTwoToThe53AreRefusedWithTheirPlace) {
  for (const Json& number : {Json((std::int64_t{1} << 53) + 1), Json(-(std::int64_t{1} << 53) - 1),
                             Json(std::numeric_limits<std::uint64_t>::max())}) {
    try {
      to_payload(Json{{"widths", {1, number}}});
      FAIL() << number;
    } catch (const InvalidPayload& refusal) {
      EXPECT_EQ(refusal.reason(), "INVALID_PAYLOAD");
      EXPECT_EQ(refusal.violations().at(0).field, "payload.widths[1]");
    }
  }
}

TEST(Value, WhatJsonHasNotIsRefused) {
  EXPECT_THROW(to_payload(std::nan("")), InvalidPayload);
  EXPECT_THROW(to_payload(-std::numeric_limits<double>::infinity()), InvalidPayload);
  EXPECT_THROW(to_payload(Json::binary({1, 2})), InvalidPayload);
  for (const char* text : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_THROW(to_payload(text), InvalidPayload) << text;
    EXPECT_THROW(to_payload(Json{{text, 1}}), InvalidPayload) << text;
  }
}

TEST(Value, WhatIsNestedTooDeeplyIsRefused) {
  Json nested;
  for (int i = 0; i < 100; ++i) {
    nested = Json::array({nested});
  }
  EXPECT_THROW(to_payload(nested), InvalidPayload);
}

TEST(Value, BytesComeBackWithWhatTheyAre) {
  const Blob blob{std::string("\0\xff", 2), "image/png"};
  EXPECT_EQ(there_and_back(blob).blob(), blob);
}

TEST(Value, MessagesComeBackTyped) {
  google::protobuf::Duration duration;
  duration.set_seconds(7);
  const Value value = there_and_back(duration);
  EXPECT_EQ(value.as<google::protobuf::Duration>().seconds(), 7);
  EXPECT_THROW((void)value.as<v1::Task>(), UnexpectedOutput);
  EXPECT_THROW((void)value.json(), UnexpectedOutput);
}

TEST(Value, NothingIsNoPayloadAndReadsAsNull) {
  EXPECT_EQ(to_payload({}).kind_case(), v1::Payload::KIND_NOT_SET);
  EXPECT_TRUE(Value().json().is_null());
  EXPECT_EQ(to_payload(nullptr).kind_case(), v1::Payload::kJson);
}

TEST(Value, AValueThatIsNotWhatIsAskedForIsAnError) {
  EXPECT_THROW((void)Value("text").as<int>(), UnexpectedOutput);
  EXPECT_THROW((void)Value("text").blob(), UnexpectedOutput);
}

}  // namespace
}  // namespace millhand
