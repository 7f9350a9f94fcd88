// A session as it is lived: one thread keeps a stream open, callers ask, read and close beside it.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "millhand/options.h"
#include "millhand/records.h"
#include "patience.h"
#include "session_state.h"
#include "session_stream.h"
#include "wire.h"

namespace millhand::internal {

/// Thread-safe.
class LiveSession {
 public:
  using OnAnswer = std::function<void(Answer)>;

  LiveSession(std::shared_ptr<Wire> wire, const SessionOptions& options);
  LiveSession(const LiveSession&) = delete;
  LiveSession& operator=(const LiveSession&) = delete;
  /// Hangs up.
  ~LiveSession();

  [[nodiscard]] const std::string& id() const { return state_.session_id(); }
  [[nodiscard]] std::string cursor() const;
  [[nodiscard]] const Wire& wire() const { return *wire_; }
  [[nodiscard]] Limits limits() const;

  /// Sends a request; `on_answer`, which must not throw, is called with what it came to, by the session's thread. Waits
  /// while too many requests have no answer. Throws Error.
  void send(v1::SessionRequest request, OnAnswer on_answer);
  /// Sends a request and waits for its answer, at most for the client's timeout. Throws Error, also the answer's.
  Answer ask(v1::SessionRequest request);

  std::optional<Record> next();
  void finish();
  void close(std::optional<Duration> timeout);
  void hang_up();

 private:
  void live();
  bool live_one_stream();
  void open();
  void receive(v1::SessionResponse response);
  void drop_stream();
  bool await_reader();
  void end(ErrorPtr failure);
  [[nodiscard]] ErrorPtr over_because() const;

  std::shared_ptr<Wire> wire_;
  std::stop_token stop_;
  std::stop_source hung_up_;
  mutable std::mutex mutex_;
  /// Something that somebody waits for may be so.
  std::condition_variable changed_;
  SessionState state_;
  Reconnect reconnect_;
  std::map<std::string, OnAnswer> waiting_;
  /// Reset under the lock, and only by the session's thread.
  std::unique_ptr<SessionStream> stream_;
  /// No stream is open any more, and none will be.
  bool over_ = false;
  bool closing_ = false;
  ErrorPtr failure_;
  std::thread thread_;
};

}  // namespace millhand::internal
