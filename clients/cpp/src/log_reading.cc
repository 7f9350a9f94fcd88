#include "log_reading.h"

#include "millhand/reader.h"
#include "requests.h"

namespace millhand {
namespace internal {
namespace {

std::string sentence(const v1::Gap& gap) {
  const std::string what =
      gap.has_missed() ? std::to_string(gap.missed()) + " results" : "an unknown number of results";
  return what + " cannot be given any more: " +
         (gap.log_replaced() ? "the log was replaced" : "they were trimmed from the log");
}

}  // namespace

std::optional<Record> StreamResults::record_in(Response& frame) {
  if (frame.has_result()) {
    return Result(std::move(*frame.mutable_result()));
  }
  if (frame.has_progress()) {
    return Progress{std::move(*frame.mutable_progress())};
  }
  return std::nullopt;
}

std::optional<CancelledRecord> GetCancelled::record_in(Response& frame) {
  if (frame.has_task()) {
    return CancelledTask{std::move(*frame.mutable_task()), frame.cursor()};
  }
  return std::nullopt;
}

template <class Method>
LogReading<Method>::LogReading(std::shared_ptr<Wire> wire, typename Method::Request request, OnGap on_gap,
                               bool outlive_shutdown, const CallOptions& call)
    : wire_(std::move(wire)),
      request_(std::move(request)),
      on_gap_(on_gap),
      outlive_shutdown_(outlive_shutdown),
      limits_{.deadline = deadline_after(call.timeout), .stop = call.stop, .closed = closed_.get_token()},
      reconnect_(wire_->options().reconnect_timeout),
      cursor_(request_.after()) {}

template <class Method>
std::optional<typename Method::Record> LogReading<Method>::next() {
  std::optional<Record> record = std::exchange(ahead_, std::nullopt);
  while (!record && !done_ && !closed_.stop_requested()) {
    record = step();
  }
  if (!record) {
    hang_up();
  }
  return record;
}

template <class Method>
std::optional<typename Method::Record> LogReading<Method>::step() {
  try {
    std::optional<Duration> delay;
    try {
      return read();
    } catch (const ResultsMissed&) {
      // The stream is good: reading goes on behind the gap.
      throw;
    } catch (const Error& error) {
      hang_up();
      delay = reconnect_.delay_after(error, Clock::now());
    }
    wire_->pause(*delay, limits_);
    return std::nullopt;
  } catch (const Error&) {
    if (closed_.stop_requested()) {
      return std::nullopt;
    }
    throw;
  }
}

template <class Method>
std::optional<typename Method::Record> LogReading<Method>::read() {
  if (stream_ == nullptr) {
    request_.set_after(cursor_);
    stream_ = std::make_unique<Stream>(*wire_, request_, limits_);
  }
  typename Method::Response frame;
  if (stream_->reader->Read(&frame)) {
    reconnect_.progressed();
    return receive(std::move(frame));
  }
  const grpc::Status status = stream_->reader->Finish();
  if (!status.ok()) {
    error_of_call(status, stream_->request_id, stream_->context)->raise();
  }
  // A stream without its last frame is a lost connection.
  throw local<Unavailable>(grpc::StatusCode::UNAVAILABLE, "the stream ended without saying why");
}

template <class Method>
std::optional<typename Method::Record> LogReading<Method>::receive(typename Method::Response frame) {
  std::optional<Record> record = Method::record_in(frame);
  const std::string cursor = frame.cursor();
  if (frame.has_end()) {
    cursor_ = cursor.empty() ? cursor_ : cursor;
    end(frame.end());
    return std::nullopt;
  }
  if (frame.has_gap()) {
    const Gap gap = gap_of(frame.gap(), cursor);
    cursor_ = gap.cursor;
    if (on_gap_ == OnGap::kThrow) {
      throw ResultsMissed({.code = grpc::StatusCode::DATA_LOSS, .message = sentence(frame.gap())}, frame.gap());
    }
    return gap;
  }
  cursor_ = cursor.empty() ? cursor_ : cursor;
  return record;
}

template <class Method>
void LogReading<Method>::end(const v1::End& end) {
  if (end.reason() == v1::END_REASON_SHUTDOWN && outlive_shutdown_) {
    throw Closing({.code = grpc::StatusCode::UNAVAILABLE, .reason = "CLOSING", .message = end.message()});
  }
  if (end.reason() == v1::END_REASON_SLOW_READER) {
    throw SlowReader({.code = grpc::StatusCode::RESOURCE_EXHAUSTED, .reason = "SLOW_READER", .message = end.message()});
  }
  done_ = true;
}

template <class Method>
void LogReading<Method>::hang_up() {
  if (stream_ != nullptr) {
    stream_->context.TryCancel();
    stream_.reset();
  }
}

template class LogReading<StreamResults>;
template class LogReading<GetCancelled>;

}  // namespace internal

ResultReader::ResultReader(std::unique_ptr<internal::LogReading<internal::StreamResults>> reading)
    : reading_(std::move(reading)) {}
ResultReader::ResultReader(ResultReader&&) noexcept = default;
ResultReader& ResultReader::operator=(ResultReader&&) noexcept = default;
ResultReader::~ResultReader() = default;
std::optional<Record> ResultReader::next() { return reading_->next(); }
const std::string& ResultReader::cursor() const { return reading_->cursor(); }
void ResultReader::close() { reading_->close(); }

CancelledReader::CancelledReader(std::unique_ptr<internal::LogReading<internal::GetCancelled>> reading)
    : reading_(std::move(reading)) {}
CancelledReader::CancelledReader(CancelledReader&&) noexcept = default;
CancelledReader& CancelledReader::operator=(CancelledReader&&) noexcept = default;
CancelledReader::~CancelledReader() = default;
std::optional<CancelledRecord> CancelledReader::next() { return reading_->next(); }
const std::string& CancelledReader::cursor() const { return reading_->cursor(); }
void CancelledReader::close() { reading_->close(); }

}  // namespace millhand
