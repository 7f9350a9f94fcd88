#include "wire.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <random>
#include <string_view>

namespace millhand::internal {
namespace {

// Every server's limit for one message; gRPC's own default of 4 MiB would refuse large results.
constexpr int kMaxMessageBytes = 8 * 1024 * 1024;
// What PEM for TLS must have in it.
constexpr std::string_view kCertificate = "CERTIFICATE-----";
constexpr std::string_view kKey = "PRIVATE KEY-----";

// Which calls gRPC may repeat by itself, until their first answer. The rest must not happen twice: a repeat of
// CancelAll would also hit what was accepted in between, one of Shutdown the server that was started after it.
std::string service_config() {
  const auto* service = v1::TaskSpec::descriptor()->file()->pool()->FindServiceByName("millhand.v1.TaskService");
  Json names = Json::array();
  for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
    const std::string& method = service->method(i)->name();
    if (method != "CancelAll" && method != "CancelAllAndWait" && method != "Shutdown") {
      names.push_back({{"service", service->full_name()}, {"method", method}});
    }
  }
  const Json policy = {{"maxAttempts", 5},
                       {"initialBackoff", "0.1s"},
                       {"maxBackoff", "2s"},
                       {"backoffMultiplier", 2},
                       {"retryableStatusCodes", {"UNAVAILABLE"}}};
  return Json{{"methodConfig", Json::array({{{"name", names}, {"retryPolicy", policy}}})}}.dump();
}

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // gRPC stops pinging after two pings without data; an idle stream of results is nothing but that.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Two minutes, the default, is longer than most restarts.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 1);
  // Clients would otherwise share connections behind their backs, and the slow reader of one would stop another.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetServiceConfigJSON(service_config());
  arguments.SetUserAgentPrefix("millhand-cpp/0.1.0");
  return arguments;
}

void require_pem(const char* option, const std::string& pem, std::string_view wanted) {
  // gRPC takes any text, and then says of every server that it does not answer.
  if (!pem.empty() && pem.find(wanted) == std::string::npos) {
    throw refused("INVALID_ARGUMENT", option, "is no PEM: it has no " + std::string(wanted));
  }
}

std::shared_ptr<grpc::ChannelCredentials> credentials_of(const std::string& address, const ClientOptions& options) {
  const bool pem = !options.ca_pem.empty() || !options.certificate_pem.empty() || !options.key_pem.empty();
  if (options.credentials != nullptr) {
    if (pem || options.tls) {
      throw refused("INVALID_ARGUMENT", "credentials", "give credentials or PEM for TLS, not both");
    }
    return options.credentials;
  }
  if (options.certificate_pem.empty() != options.key_pem.empty()) {
    throw refused("INVALID_ARGUMENT", "key_pem", "goes together with certificate_pem: give both, or neither");
  }
  require_pem("ca_pem", options.ca_pem, kCertificate);
  require_pem("certificate_pem", options.certificate_pem, kCertificate);
  require_pem("key_pem", options.key_pem, kKey);
  if (pem || options.tls) {
    return grpc::SslCredentials({options.ca_pem, options.key_pem, options.certificate_pem});
  }
  if (!options.token.empty() && !options.insecure_token && !is_loopback(address)) {
    throw refused(
        "INVALID_ARGUMENT", "token",
        "would cross the network to " + address +
            " in the clear, where anybody on the way can read and use it: turn TLS on, or say insecure_token");
  }
  return grpc::InsecureChannelCredentials();
}

std::string host_of(std::string address) {
  for (const std::string_view scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (address.starts_with(scheme)) {
      // dns:[//authority/]host:port
      address = address.substr(std::max(scheme.size(), address.rfind('/') + 1));
      break;
    }
  }
  if (address.starts_with('[')) {
    return address.substr(1, address.find(']') - 1);
  }
  // An IPv6 address without brackets has no port.
  const auto colon = address.find(':');
  return colon == address.rfind(':') ? address.substr(0, colon) : address;
}

}  // namespace

Deadline deadline_after(std::optional<Duration> after) {
  const auto now = Clock::now();
  if (!after || *after > Clock::time_point::max() - now) {
    return std::nullopt;
  }
  return now + std::max(*after, Duration::zero());
}

Deadline sooner(Deadline one, Deadline other) { return one && other ? std::min(*one, *other) : one ? one : other; }

std::string new_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto born =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
  const std::uint64_t high = (born << 16U) | 0x7000U | (random() & 0x0FFFU);
  const std::uint64_t low = (random() & 0x3FFF'FFFF'FFFF'FFFFU) | 0x8000'0000'0000'0000U;
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32U),
                static_cast<unsigned>((high >> 16U) & 0xFFFFU), static_cast<unsigned>(high & 0xFFFFU),
                static_cast<unsigned>(low >> 48U), static_cast<unsigned long long>(low & 0xFFFF'FFFF'FFFFU));
  return text.data();
}

bool is_loopback(const std::string& address) {
  if (address.starts_with("unix:") || address.starts_with("unix-abstract:")) {
    return true;
  }
  const std::string host = host_of(address);
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24U) == 127;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6);
  }
  return host == "localhost";
}

Wire::Wire(const std::string& address, const ClientOptions& options)
    : Wire(grpc::CreateCustomChannel(address, credentials_of(address, options), channel_arguments()), options) {}

Wire::Wire(std::shared_ptr<grpc::Channel> channel, ClientOptions options)
    : options_(std::move(options)), channel_(std::move(channel)), stub_(v1::TaskService::NewStub(channel_)) {}

std::string Wire::prepare(grpc::ClientContext& context, Deadline deadline) const {
  if (closing_.stop_requested()) {
    throw local<ClientClosed>(grpc::StatusCode::CANCELLED, "the client is closed");
  }
  std::string request_id = new_id();
  context.AddMetadata("x-request-id", request_id);
  if (!options_.token.empty()) {
    context.AddMetadata("authorization", "Bearer " + options_.token);
  }
  if (deadline) {
    // gRPC's clock for deadlines is the system's.
    const auto left = std::chrono::duration_cast<std::chrono::system_clock::duration>(*deadline - Clock::now());
    context.set_deadline(std::chrono::system_clock::now() + left);
  }
  return request_id;
}

Limits Wire::limits(const CallOptions& call, std::optional<Duration> wait) const {
  const bool bounded = wait && options_.timeout && *options_.timeout < Duration::max() - *wait;
  const auto own = bounded ? std::optional(*wait + *options_.timeout) : std::nullopt;
  return {.deadline = deadline_after(call.timeout ? call.timeout : own), .stop = call.stop};
}

void Wire::pause(Duration length, const Limits& limits) const {
  std::mutex mutex;
  std::condition_variable stopped;
  const auto wake = [&] {
    const std::scoped_lock lock(mutex);
    stopped.notify_all();
  };
  const auto asked = [&] {
    return limits.stop.stop_requested() || limits.closed.stop_requested() || closing_.stop_requested();
  };
  const std::stop_callback on_stop(limits.stop, wake);
  const std::stop_callback on_closed(limits.closed, wake);
  const std::stop_callback on_closing(closing(), wake);
  const auto until = Clock::now() + length;
  std::unique_lock lock(mutex);
  stopped.wait_until(lock, sooner(until, limits.deadline).value_or(until), asked);
  if (asked()) {
    throw local<CallCancelled>(grpc::StatusCode::CANCELLED, "stopped before the next try");
  }
  if (limits.deadline && *limits.deadline <= until) {
    throw local<DeadlineExceeded>(grpc::StatusCode::DEADLINE_EXCEEDED, "the time is over before the next try");
  }
}

ErrorPtr error_of_call(const grpc::Status& status, const std::string& request_id, const grpc::ClientContext& context) {
  const auto& headers = context.GetServerInitialMetadata();
  // The header in which ExecuteTask names its task before there is a result.
  const auto named = headers.find("millhand-task-id");
  const std::string task_id = named == headers.end() ? "" : std::string(named->second.data(), named->second.size());
  return error_from_call(status, request_id, task_id);
}

}  // namespace millhand::internal
