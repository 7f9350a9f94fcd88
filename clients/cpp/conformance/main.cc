// The program that the conformance suite drives: see protos/millhand/conformance/v1/conformance.proto.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "player.h"

namespace {

using millhand::conformance::Player;
namespace v1 = millhand::conformance::v1;

// The next message, behind its length; empty at the end of standard input.
std::optional<v1::FromRunner> read_message() {
  std::array<unsigned char, 4> length{};
  if (std::fread(length.data(), 1, length.size(), stdin) != length.size()) {
    return std::nullopt;
  }
  const std::size_t size = std::size_t{length[0]} << 24U | std::size_t{length[1]} << 16U |
                           std::size_t{length[2]} << 8U | std::size_t{length[3]};
  std::string bytes(size, '\0');
  v1::FromRunner message;
  if (std::fread(bytes.data(), 1, size, stdin) != size || !message.ParseFromString(bytes)) {
    std::cerr << "standard input ends in the midst of a message, or with one that does not parse\n";
    std::_Exit(1);
  }
  return message;
}

void write_message(const v1::FromProgram& message) {
  static std::mutex mutex;
  const std::string bytes = message.SerializeAsString();
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const std::array<unsigned char, 4> length = {
      static_cast<unsigned char>(size >> 24U), static_cast<unsigned char>(size >> 16U),
      static_cast<unsigned char>(size >> 8U), static_cast<unsigned char>(size)};
  const std::scoped_lock lock(mutex);
  const bool written = std::fwrite(length.data(), 1, length.size(), stdout) == length.size() &&
                       std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() && std::fflush(stdout) == 0;
  if (!written) {
    std::_Exit(1);
  }
}

}  // namespace

int main() {
  std::unique_ptr<Player> player;
  std::thread playing;
  while (const auto message = read_message()) {
    if (message->has_case_()) {
      if (playing.joinable()) {
        playing.join();
      }
      player = std::make_unique<Player>(message->case_(), write_message);
      playing = std::thread([&player = *player] { player.play(); });
    } else if (message->kind_case() == v1::FromRunner::kGoOn && player != nullptr) {
      player->go_on(message->go_on());
    }
  }
  // A case that the runner gave up may wait for ever.
  std::_Exit(0);
}
