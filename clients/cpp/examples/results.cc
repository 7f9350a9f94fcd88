// Counts the words of some texts: registers them in one session and reads the results as they come.
//
//     make run                                   # in the repository: a server with the shipped handlers
//     build/release/examples/results 127.0.0.1:50051
#include <millhand/millhand.h>

#include <iostream>
#include <string>
#include <variant>
#include <vector>

namespace {

using millhand::Json;

const std::vector<std::string> kTexts = {"to be or not to be", "that is the question", "whether 'tis nobler"};

void count_words(millhand::Client& client) {
  millhand::Session session = client.session();
  session.subscribe();
  for (const std::string& text : kTexts) {
    session.register_task(millhand::task_spec("word_count", Json{{"text", text}}, {.labels = {{"text", text}}}));
  }
  session.finish();
  for (const millhand::Record& record : session) {
    if (const auto* result = std::get_if<millhand::Result>(&record)) {
      std::cout << result->task().labels().at("text") << ": " << result->unwrap().json()["words"] << " words\n";
    }
  }
}

void fail_for_good(millhand::Client& client) {
  try {
    client.execute("fail", Json{{"times", 9}, {"reason", "NO_PAPER"}, {"fatal", true}});
  } catch (const millhand::TaskFailed& failure) {
    std::cout << "failed: " << failure.reason() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    millhand::Client client(argc > 1 ? argv[1] : "127.0.0.1:50051");
    count_words(client);
    fail_for_good(client);
  } catch (const millhand::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
