#include "wire.h"

#include <gtest/gtest.h>

#include <set>

namespace millhand::internal {
namespace {

TEST(Wire, LoopbackIsToldFromTheRest) {
  for (const char* here : {"localhost:1", "127.0.0.1:50051", "127.9.9.9:1", "[::1]:1", "::1", "unix:/run/m.sock",
                           "dns:///localhost:1", "ipv4:127.0.0.1:1"}) {
    EXPECT_TRUE(is_loopback(here)) << here;
  }
  for (const char* away :
       {"tasks.example.org:443", "10.0.0.1:1", "127.example.org:1", "dns:///10.0.0.1:1", "[::2]:1"}) {
    EXPECT_FALSE(is_loopback(away)) << away;
  }
}

TEST(Wire, ATokenInTheClearIsRefusedUnlessAskedFor) {
  EXPECT_THROW(Client("tasks.example.org:1", {.token = "t"}), InvalidArgument);
  EXPECT_NO_THROW(Client("tasks.example.org:1", {.token = "t", .insecure_token = true}));
  EXPECT_NO_THROW(Client("tasks.example.org:1", {.token = "t", .tls = true}));
  EXPECT_NO_THROW(Client("localhost:1", {.token = "t"}));
}

TEST(Wire, UselessPemIsRefused) {
  EXPECT_THROW(Client("localhost:1", {.ca_pem = "nothing"}), InvalidArgument);
  EXPECT_THROW(Client("localhost:1", {.key_pem = "-----BEGIN PRIVATE KEY-----"}), InvalidArgument);
}

TEST(Wire, IdsAreUniqueVersionSevenAndInOrderOfTheirTime) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = new_id();
    ASSERT_EQ(id.size(), 36U);
    EXPECT_EQ(id[14], '7');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000U);
}

TEST(Wire, ALimitThatIsTooFarAwayIsNone) {
  EXPECT_EQ(deadline_after(Duration::max()), std::nullopt);
  EXPECT_EQ(deadline_after(std::nullopt), std::nullopt);
  EXPECT_TRUE(deadline_after(std::chrono::seconds(1)));
}

}  // namespace
}  // namespace millhand::internal
