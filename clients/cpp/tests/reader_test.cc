#include <gtest/gtest.h>
#include <millhand/millhand.h>

#include "fake_server.h"

namespace millhand {
namespace {

using testing::FakeServer;
using testing::refusal;
using Frame = v1::StreamResultsResponse;

Frame alive(const std::string& cursor) {
  Frame frame;
  frame.mutable_keep_alive();
  frame.set_cursor(cursor);
  return frame;
}

Frame result(const std::string& cursor) {
  Frame frame;
  frame.mutable_result()->set_cursor(cursor);
  frame.set_cursor(cursor);
  return frame;
}

Frame gap(const std::string& to) {
  Frame frame;
  frame.mutable_gap()->set_to_cursor(to);
  return frame;
}

Frame end(v1::EndReason reason) {
  Frame frame;
  frame.mutable_end()->set_reason(reason);
  return frame;
}

// Gives one list of frames for each connection, and notes where each began.
struct Script {
  explicit Script(FakeServer& server, std::vector<std::vector<Frame>> connections,
                  grpc::Status broken = {grpc::StatusCode::UNAVAILABLE, "lost"}) {
    server.service.results = [this, connections, broken](auto&, const auto& request, auto& writer) {
      afters.push_back(request.after());
      for (const Frame& frame : connections.at(afters.size() - 1)) {
        writer.Write(frame);
      }
      return connections.at(afters.size() - 1).back().has_end() ? grpc::Status::OK : broken;
    };
  }
  std::vector<std::string> afters;
};

std::vector<std::string> cursors_of(ResultReader& reader) {
  std::vector<std::string> cursors;
  for (const Record& record : reader) {
    cursors.push_back(std::holds_alternative<Gap>(record) ? "gap to " + std::get<Gap>(record).cursor
                                                          : std::get<Result>(record).cursor());
  }
  return cursors;
}

TEST(Reader, GoesOnBehindWhatItGaveWhenTheConnectionBreaks) {
  FakeServer server;
  Script script(server,
                {{alive("0"), result("1"), alive("2")}, {alive("2"), result("3"), end(v1::END_REASON_CAUGHT_UP)}});
  Client client(server.address);
  ResultReader reader = client.results();
  EXPECT_EQ(reader.cursor(), "0");
  EXPECT_EQ(cursors_of(reader), (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(script.afters, (std::vector<std::string>{"", "2"}));
}

TEST(Reader, GoesOnAfterAServerThatShutsDown) {
  FakeServer server;
  Script script(server, {{result("1"), end(v1::END_REASON_SHUTDOWN)}, {result("2"), end(v1::END_REASON_CAUGHT_UP)}});
  Client client(server.address);
  ResultReader reader = client.results();
  EXPECT_EQ(cursors_of(reader), (std::vector<std::string>{"1", "2"}));
}

TEST(Reader, EndsWithTheServerIfAsked) {
  FakeServer server;
  Script script(server, {{result("1"), end(v1::END_REASON_SHUTDOWN)}});
  Client client(server.address);
  ResultReader reader = client.results({}, {.outlive_shutdown = false});
  EXPECT_EQ(cursors_of(reader), std::vector<std::string>{"1"});
}

TEST(Reader, GivesGapsAmongTheResultsOrThrowsThemAndGoesOn) {
  FakeServer server;
  const std::vector<Frame> frames = {gap("4"), result("5"), end(v1::END_REASON_CAUGHT_UP)};
  Script script(server, {frames, frames});
  Client client(server.address);
  ResultReader giving = client.results();
  EXPECT_EQ(cursors_of(giving), (std::vector<std::string>{"gap to 4", "5"}));
  EXPECT_THROW(client.results({}, {.on_gap = OnGap::kThrow}), ResultsMissed);
}

TEST(Reader, FailsLikeAnyCallIfItCannotBegin) {
  FakeServer server;
  server.service.results = [](auto&...) { return refusal(grpc::StatusCode::INVALID_ARGUMENT, "CURSOR_INVALID"); };
  Client client(server.address);
  EXPECT_THROW(client.results(), CursorInvalid);
}

TEST(Reader, DoesNotComeBackBySelfAfterItWasTooSlow) {
  FakeServer server;
  Script script(server, {{result("1"), end(v1::END_REASON_SLOW_READER)}, {result("2"), end(v1::END_REASON_CAUGHT_UP)}});
  Client client(server.address);
  ResultReader reader = client.results();
  EXPECT_TRUE(reader.next());
  EXPECT_THROW(reader.next(), SlowReader);
  // Asked again, it goes on.
  EXPECT_EQ(cursors_of(reader), std::vector<std::string>{"2"});
}

}  // namespace
}  // namespace millhand
