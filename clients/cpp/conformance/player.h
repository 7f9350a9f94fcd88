// Plays one case: takes its steps in their order, remembers what was seen, pauses.
#pragma once

#include <millhand/millhand.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>

#include "millhand/conformance/v1/conformance.pb.h"

namespace millhand::conformance {

/// Thread-safe.
class Player {
 public:
  using Write = std::function<void(const v1::FromProgram&)>;

  Player(v1::Case played, Write write);

  /// Takes all steps and says that they have ended.
  void play();
  /// Goes on after a pause.
  void go_on(const std::string& pause);

  /// Says what a step has shown.
  void see(const std::string& step, v1::Seen seen);
  /// Says that a step has come to a pause, and waits. No name does nothing.
  void pause(const std::string& step, const std::string& name);
  /// `after`, or the newest cursor of the step that it names behind a `$`.
  std::string cursor(const std::string& after);
  /// Stops a step the way the language has it.
  void stop(const std::string& step);
  /// What stops a step.
  std::stop_token stop_token(const std::string& step);

 private:
  void take(Client& client, const v1::Step& step);
  void await_turn(const v1::Step& step);
  void blame(const std::string& fault);

  v1::Case case_;
  Write write_;
  std::map<std::string, std::stop_source> stops_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> seen_;
  std::map<std::string, std::string> cursors_;
  std::set<std::string> gone_on_;
  std::string fault_;
};

/// Does what a step says and shows what it gives. Throws Error for what the client throws.
void call(Client& client, Player& player, const v1::Step& step);
/// Measures.
v1::Rate measure(Client& client, const v1::Load& load);

}  // namespace millhand::conformance
