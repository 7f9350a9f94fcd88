// How many tasks a second go through one connection, each output checked.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

#include "player.h"
#include "translation.h"

namespace millhand::conformance {
namespace {

using Clock = std::chrono::steady_clock;

void check(const millhand::Value& output, std::int64_t sent) {
  if (output.json() != sent) {
    throw std::runtime_error("sent " + std::to_string(sent) + ", got " + output.json().dump());
  }
}

// Unary calls, as many threads as shall be under way.
std::int64_t execute_until(Client& client, int in_flight, Clock::time_point end) {
  std::atomic<std::int64_t> next = 0;
  std::atomic<std::int64_t> done = 0;
  std::vector<std::exception_ptr> failures(in_flight);
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < in_flight; ++i) {
      callers.emplace_back([&, i] {
        try {
          while (Clock::now() < end) {
            const std::int64_t number = ++next;
            check(client.execute("echo", number), number);
            done += Clock::now() < end ? 1 : 0;
          }
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
    }
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure != nullptr) {
      std::rethrow_exception(failure);
    }
  }
  return done;
}

// A session that sends the next batch as soon as that many tasks fit in again.
std::int64_t pipeline_until(Client& client, int batch, int in_flight, Clock::time_point end) {
  Session session = client.session();
  session.subscribe();
  std::map<std::string, std::int64_t> sent;
  std::int64_t number = 0;
  std::int64_t done = 0;
  const auto send_batch = [&] {
    std::vector<millhand::v1::TaskSpec> specs;
    for (int i = 0; i < batch; ++i) {
      specs.push_back(task_spec("echo", ++number));
      sent.emplace(specs.back().id(), number);
    }
    session.register_soon(std::move(specs));
  };
  while (Clock::now() < end) {
    while (static_cast<int>(sent.size()) + batch <= std::max(in_flight, batch)) {
      send_batch();
    }
    const auto record = session.next();
    if (!record) {
      throw std::runtime_error("the session ended");
    }
    if (const auto* result = std::get_if<Result>(&*record)) {
      check(result->unwrap(), sent.at(result->task().id()));
      sent.erase(result->task().id());
      done += Clock::now() < end ? 1 : 0;
    }
  }
  return done;
}

}  // namespace

v1::Rate measure(Client& client, const v1::Load& load) {
  const auto begin = Clock::now();
  const auto end = begin + duration_of(load.duration());
  const int in_flight = std::max(load.in_flight(), 1);
  v1::Rate rate;
  rate.set_tasks(load.batch() == 0 ? execute_until(client, in_flight, end)
                                   : pipeline_until(client, load.batch(), in_flight, end));
  rate.set_seconds(std::chrono::duration<double>(end - begin).count());
  return rate;
}

}  // namespace millhand::conformance
