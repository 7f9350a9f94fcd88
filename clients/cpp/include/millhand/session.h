// Registrations, cancels and results over one stream.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millhand/iterator.h"
#include "millhand/options.h"
#include "millhand/records.h"

namespace millhand {

namespace internal {
class LiveSession;
}  // namespace internal

/// A session, which reconnects by itself and resumes under the same id behind what was read: nothing is lost and
/// nothing comes twice. Requests without an answer are sent again, which their tasks' ids make harmless.
///
/// Thread-safe. New credit goes out as results are read, so an unread session holds about a thousand results. The
/// destructor hangs up; call `close` to wait for what the server still delivers. The tasks live on either way.
class Session {
 public:
  using iterator = SourceIterator<Session, Record>;

  explicit Session(std::unique_ptr<internal::LiveSession> live);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// What the server labels this session's tasks with.
  [[nodiscard]] const std::string& id() const;
  /// Everything up to here has been read, frame by frame. Empty before the server has named a place.
  [[nodiscard]] std::string cursor() const;

  /// Registers one task and waits for the answer. Throws what refuses it; DeadlineExceeded if no answer comes within
  /// the client's timeout, after which the same spec may be sent again.
  v1::Task register_task(v1::TaskSpec spec, const RegisterOptions& options = {});
  /// Registers a batch; the answers are in its order. Modes are as for Client::register_tasks.
  std::vector<Registered> register_tasks(std::vector<v1::TaskSpec> specs,
                                         v1::RegisterMode mode = v1::REGISTER_MODE_ATOMIC,
                                         const RegisterOptions& options = {});
  /// Sends a batch without waiting for the answer, which the future gets. Waits only while 64 requests have none.
  std::future<std::vector<Registered>> register_soon(std::vector<v1::TaskSpec> specs,
                                                     v1::RegisterMode mode = v1::REGISTER_MODE_ATOMIC);
  /// Asks for tasks to be cancelled; the answers are in order.
  std::vector<CancelResult> cancel(const std::vector<std::string>& ids, const std::string& reason = "");
  /// Starts the results and returns the cursor that they start behind. A second subscription replaces the first,
  /// whose unread results may be lost.
  std::string subscribe(const SubscribeOptions& options = {});
  /// Stops the results and returns the cursor up to which they came; those unread can still be read.
  std::string unsubscribe();

  /// The subscription's next record; empty at the session's end. Throws Error if the session broke for good, after
  /// what had been received before.
  std::optional<Record> next();
  /// Says that nothing more will be sent; `next` then ends once this session's tasks are done.
  void finish();
  /// Finishes, and waits until the server has delivered what it may, at most for `timeout`; then hangs up. What was
  /// not read can be read afterwards.
  void close(std::optional<Duration> timeout = std::nullopt);
  /// Hangs up at once. `next` gives what came before, then ends.
  void hang_up();

  iterator begin() { return iterator(*this); }
  static std::default_sentinel_t end() { return {}; }

 private:
  std::unique_ptr<internal::LiveSession> live_;
};

}  // namespace millhand
