#include "millhand/errors.h"

#include <array>

namespace millhand {
namespace {

std::string name_of(grpc::StatusCode code) {
  static constexpr std::array kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto number = static_cast<std::size_t>(code);
  return number < kNames.size() ? kNames.at(number) : "UNKNOWN";
}

// The message often tells of the first violation already.
std::string text_of(const ErrorFacts& facts) {
  std::string text = facts.reason.empty() ? name_of(facts.code) : facts.reason;
  text += ": " + (facts.message.empty() ? std::string("no message was given") : facts.message);
  for (const Violation& violation : facts.violations) {
    if (facts.message.find(violation.description) == std::string::npos) {
      text += "; " + violation.field + ": " + violation.description;
    }
  }
  if (!facts.request_id.empty()) {
    text += " (request " + facts.request_id + ")";
  }
  return text;
}

}  // namespace

Error::Error(ErrorFacts facts)
    : std::runtime_error(text_of(facts)), facts_(std::make_shared<const ErrorFacts>(std::move(facts))) {}

}  // namespace millhand
