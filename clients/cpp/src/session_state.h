// The state of one session across connections: what is unanswered, what is unread, how it opens again.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "millhand/errors.h"
#include "millhand/records.h"

namespace millhand::internal {

/// What a request came to: registrations, cancels, a cursor, or an error.
struct Answer {
  std::string request_id;
  std::variant<std::monostate, std::vector<Registered>, std::vector<CancelResult>, std::string, ErrorPtr> value;
};

/// One session, whatever number of streams it takes. Not thread-safe.
///
/// A broken stream is opened anew under the same session id. Requests without an answer are sent again, which their
/// ids make harmless, and results start behind the last one that was read: those that were not are dropped here and
/// given again, so a reader that is slow across many reconnects still holds one credit's worth.
class SessionState {
 public:
  SessionState(std::string session_id, std::string client_name);

  [[nodiscard]] const std::string& session_id() const { return session_id_; }
  /// Everything up to here has been read; empty until the server has named a place. It moves frame by frame, for a
  /// frame may hold results that are older than those before it.
  [[nodiscard]] const std::string& cursor() const { return cursor_; }
  /// The server said that nothing more comes.
  [[nodiscard]] bool done() const { return done_; }
  /// The server stopped for want of credit; a new stream brings more.
  [[nodiscard]] bool starved() const { return starved_; }
  /// No more requests are to be sent.
  [[nodiscard]] bool finished() const { return finished_; }
  void finish() { finished_ = true; }
  [[nodiscard]] bool has_unread() const { return !unread_.empty(); }
  /// How many requests have no answer yet.
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

  /// Numbers a request, to be sent now, and again until it is answered. Throws ClientClosed if the session is finished.
  v1::SessionRequest request(v1::SessionRequest request);
  /// What a new stream starts with: who we are, the subscription as far as read, what is unanswered.
  std::vector<v1::SessionRequest> opening();
  /// Takes one response in; returns the answer to a request, if it is one. Throws Closing if another connection may go
  /// on, and any other Error if the session cannot.
  std::optional<Answer> receive(v1::SessionResponse response);
  /// The oldest unread record, which counts as read from now on.
  std::optional<Record> next();
  /// New credit for what was read, once that is half of what the server granted at the start.
  std::optional<v1::SessionRequest> credit_due();

 private:
  struct Unread {
    Record record;
    /// Where the reader stands once it has taken this record; empty in the midst of a frame.
    std::string cursor;
  };

  void take(v1::SessionResults frame);
  void take(v1::ProgressUpdate progress);
  void end(const v1::SessionGoodbye& goodbye);
  std::optional<Answer> refused(const std::string& request_id, const v1::SessionError& refusal);
  std::optional<Answer> answered(v1::SessionResponse response);
  void adopt(const v1::SessionRegister& request, const std::vector<Registered>& answers);
  std::vector<v1::SessionRequest> adoptions() const;
  /// Moves the reader on to `cursor`, as soon as it has read what came before it.
  void move(const std::string& cursor);
  void advance(const std::string& cursor);

  std::string session_id_;
  std::string client_name_;
  std::string cursor_;
  bool done_ = false;
  bool starved_ = false;
  bool finished_ = false;
  int last_number_ = 0;
  /// By number, so that they are sent again in their order.
  std::map<int, v1::SessionRequest> pending_;
  std::optional<v1::SessionSubscribe> subscription_;
  std::deque<Unread> unread_;
  /// Tasks whose results were read behind `cursor_`, and would come again after a reconnect.
  std::set<std::string> read_behind_cursor_;
  /// Tasks that others had registered first: ours on a stream only after it has registered them, too.
  std::map<std::string, v1::TaskSpec> adopted_;
  int credit_;
  int read_since_grant_ = 0;
};

}  // namespace millhand::internal
