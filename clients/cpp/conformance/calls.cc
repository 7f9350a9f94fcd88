// One function for each kind of step.
#include <grpcpp/generic/generic_stub.h>

#include <deque>
#include <future>
#include <map>
#include <utility>
#include <variant>

#include "player.h"
#include "translation.h"

namespace millhand::conformance {
namespace {

// What every function of a step needs.
struct Turn {
  Client& client;
  Player& player;
  const std::string& step;
  CallOptions options;

  void see(v1::Seen seen) const { player.see(step, std::move(seen)); }
  void ended(const std::string& cursor = "") const {
    v1::Seen seen;
    seen.mutable_ended()->set_cursor(cursor);
    see(std::move(seen));
  }
  void begun(const std::string& cursor, const std::string& session_id = "") const {
    v1::Seen seen;
    seen.mutable_begun()->set_cursor(cursor);
    seen.mutable_begun()->set_session_id(session_id);
    see(std::move(seen));
  }
};

template <class Message>
std::optional<Duration> optional(bool has, const Message& duration) {
  return has ? std::optional(duration_of(duration)) : std::nullopt;
}

bool full(millhand::v1::TaskView view) { return view == millhand::v1::TASK_VIEW_FULL; }

void see_output(const Turn& turn, const millhand::Value& value) {
  v1::Seen seen;
  *seen.mutable_output() = message_of(value);
  turn.see(std::move(seen));
}

void see_task(const Turn& turn, const millhand::v1::Task& task) {
  v1::Seen seen;
  *seen.mutable_task() = task;
  turn.see(std::move(seen));
}

void see_all(const Turn& turn, const std::vector<Registered>& answers) {
  for (const Registered& answer : answers) {
    v1::Seen seen;
    *seen.mutable_registered() = message_of(answer);
    turn.see(std::move(seen));
  }
}

void see_all(const Turn& turn, const std::vector<CancelResult>& answers) {
  for (const CancelResult& answer : answers) {
    v1::Seen seen;
    seen.mutable_cancel()->set_id(answer.id);
    seen.mutable_cancel()->set_outcome(answer.outcome);
    if (answer.error != nullptr) {
      *seen.mutable_cancel()->mutable_failure() = message_of(*answer.error);
    }
    turn.see(std::move(seen));
  }
}

void see_record(const Turn& turn, const Record& record, bool brief) {
  v1::Seen seen;
  if (const auto* result = std::get_if<Result>(&record)) {
    *seen.mutable_result() = message_of(*result, brief);
  } else if (const auto* gap = std::get_if<Gap>(&record)) {
    *seen.mutable_gap() = gap->message;
  } else {
    *seen.mutable_progress() = std::get<Progress>(record).message;
  }
  turn.see(std::move(seen));
}

void execute(const Turn& turn, const v1::Execute& step) {
  const WaitOptions wait{.timeout = optional(step.has_timeout(), step.timeout()),
                         .cancel_on_timeout = step.cancel_on_timeout(),
                         .retry_when_full = optional(step.has_retry_when_full(), step.retry_when_full())};
  const millhand::v1::TaskSpec& spec = step.task().spec();
  see_output(turn, turn.client.execute(spec.handler(), payload_of(step.task()), options_of(spec), wait, turn.options));
}

void execute_registered(const Turn& turn, const v1::ExecuteRegistered& step) {
  const WaitOptions wait{.timeout = optional(step.has_timeout(), step.timeout()),
                         .cancel_on_timeout = step.cancel_on_timeout()};
  see_output(turn, turn.client.execute_registered(step.id(), wait, turn.options));
}

void register_one(const Turn& turn, const v1::Task& task) {
  see_task(turn, turn.client.register_task(task.spec().handler(), payload_of(task), options_of(task.spec()), {},
                                           turn.options));
}

void list(const Turn& turn, const v1::List& step) {
  const auto& request = step.request();
  const ListOptions options{
      .page_size = request.page_size(), .order_by = request.order_by(), .full = full(request.view())};
  int count = 0;
  for (const auto& task : turn.client.list(filter_of(request.filter()), options, turn.options)) {
    see_task(turn, task);
    if (++count == 1) {
      turn.player.pause(turn.step, step.pause());
    }
    if (count == step.at_most()) {
      break;
    }
  }
  turn.ended();
}

void active(const Turn& turn, const millhand::v1::GetActiveTasksRequest& request) {
  for (const auto& task : turn.client.active(request.page_size(), turn.options)) {
    see_task(turn, task);
  }
  turn.ended();
}

void cancel(const Turn& turn, const millhand::v1::CancelTaskRequest& request) {
  const CancelAnswer answer =
      turn.client.cancel(request.id(), request.reason(), optional(request.has_wait(), request.wait()), turn.options);
  v1::Seen seen;
  seen.mutable_cancel()->set_id(request.id());
  seen.mutable_cancel()->set_outcome(answer.outcome);
  *seen.mutable_cancel()->mutable_task() = answer.task;
  turn.see(std::move(seen));
}

void see_cancelled(const Turn& turn, const CancelledAll& answer) {
  v1::Seen seen;
  seen.mutable_cancelled_all()->mutable_counts()->Assign(answer.counts.begin(), answer.counts.end());
  seen.mutable_cancelled_all()->mutable_still_running_ids()->Assign(answer.still_running_ids.begin(),
                                                                    answer.still_running_ids.end());
  turn.see(std::move(seen));
}

void wait(const Turn& turn, const millhand::v1::WaitRequest& request) {
  const Waited waited =
      turn.client.wait(filter_of(request.filter()), optional(request.has_timeout(), request.timeout()), turn.options);
  v1::Seen seen;
  seen.mutable_waited()->set_done(waited.done);
  seen.mutable_waited()->mutable_counts()->Assign(waited.counts.begin(), waited.counts.end());
  turn.see(std::move(seen));
}

void results(const Turn& turn, const v1::Results& step) {
  const auto& request = step.request();
  const ReadOptions options{.after = turn.player.cursor(request.after()),
                            .follow = request.follow(),
                            .close_on_completion = request.close_on_completion(),
                            .include_progress = request.include_progress(),
                            .slow_reader = request.slow_reader(),
                            .full = full(request.view())};
  ResultReader reader = turn.client.results(filter_of(request.filter()), options, turn.options);
  turn.begun(reader.cursor());
  int count = 0;
  while (step.at_most() == 0 || count < step.at_most()) {
    const auto record = reader.next();
    if (!record) {
      break;
    }
    see_record(turn, *record, step.brief());
    if (std::holds_alternative<Result>(*record) && ++count == step.pause_after()) {
      turn.player.pause(turn.step, step.pause());
    }
  }
  reader.close();
  turn.ended(reader.cursor());
}

void results_page(const Turn& turn, const millhand::v1::GetResultsRequest& request) {
  const ResultsPage page = turn.client.results_page(
      filter_of(request.filter()),
      {.after = turn.player.cursor(request.after()), .page_size = request.page_size(), .full = full(request.view())},
      turn.options);
  if (page.gap) {
    see_record(turn, *page.gap, false);
  }
  for (const Result& result : page.results) {
    see_record(turn, result, false);
  }
  v1::Seen seen;
  seen.mutable_page()->set_next_cursor(page.next_cursor);
  turn.see(std::move(seen));
}

void cancelled(const Turn& turn, const v1::Cancelled& step) {
  CancelledReader reader = turn.client.cancelled(
      {.after = turn.player.cursor(step.request().after()), .follow = step.request().follow()}, turn.options);
  turn.begun(reader.cursor());
  int count = 0;
  while (step.at_most() == 0 || count < step.at_most()) {
    const auto record = reader.next();
    if (!record) {
      break;
    }
    v1::Seen seen;
    if (const auto* task = std::get_if<CancelledTask>(&*record)) {
      *seen.mutable_cancelled_task()->mutable_task() = task->task;
      seen.mutable_cancelled_task()->set_cursor(task->cursor);
      ++count;
    } else {
      *seen.mutable_gap() = std::get<Gap>(*record).message;
    }
    turn.see(std::move(seen));
  }
  reader.close();
  turn.ended(reader.cursor());
}

// A session's script. Answers that were not waited for are seen before what the server sent behind them.
class Script {
 public:
  Script(const Turn& turn, const v1::Session& step)
      : turn_(turn), step_(step), session_(turn.client.session({.id = step.session_id(), .stop = turn.options.stop})) {}

  void play() {
    std::string place;
    if (step_.has_subscribe()) {
      place = subscribe(step_.subscribe());
    }
    turn_.begun(place, session_.id());
    for (const v1::SessionAct& act : step_.acts()) {
      this->act(act);
    }
    if (step_.finish()) {
      session_.finish();
    }
    read();
    see_answers(true);
    session_.hang_up();
    turn_.ended(session_.cursor());
  }

 private:
  std::string subscribe(const millhand::v1::SessionSubscribe& subscribe) {
    SubscribeOptions options = options_of(subscribe);
    options.after = turn_.player.cursor(options.after);
    return session_.subscribe(options);
  }

  void act(const v1::SessionAct& act) {
    switch (act.kind_case()) {
      case v1::SessionAct::kRegister:
        pending_.push_back(session_.register_soon(specs_of(act.register_()), act.register_().mode()));
        see_answers(!act.pipelined());
        return;
      case v1::SessionAct::kCancel:
        see_all(turn_, session_.cancel({act.cancel().ids().begin(), act.cancel().ids().end()}, act.cancel().reason()));
        return;
      case v1::SessionAct::kSubscribe:
        subscribe(act.subscribe());
        return;
      case v1::SessionAct::kUnsubscribe:
        turn_.begun(session_.unsubscribe());
        return;
      default:
        throw std::runtime_error("an act that this program does not know");
    }
  }

  void read() {
    int count = 0;
    while (step_.at_most() == 0 ? step_.finish() : count < step_.at_most()) {
      const auto record = session_.next();
      see_answers(false);
      if (!record) {
        return;
      }
      see_record(turn_, *record, step_.brief());
      if (std::holds_alternative<Result>(*record) && ++count == step_.pause_after()) {
        turn_.player.pause(turn_.step, step_.pause());
      }
    }
  }

  // Shows the answers that have come, or all of them.
  void see_answers(bool all) {
    while (!pending_.empty()) {
      if (!all && pending_.front().wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        return;
      }
      try {
        see_all(turn_, pending_.front().get());
      } catch (const Error& refusal) {
        see_all(turn_, std::vector<Registered>{{.error = refusal.share()}});
      }
      pending_.pop_front();
    }
  }

  const Turn& turn_;
  const v1::Session& step_;
  Session session_;
  std::deque<std::future<std::vector<Registered>>> pending_;
};

void handlers(const Turn& turn) {
  for (const auto& handler : turn.client.handlers(turn.options)) {
    v1::Seen seen;
    *seen.mutable_handler() = handler;
    turn.see(std::move(seen));
  }
  turn.ended();
}

void info(const Turn& turn) {
  v1::Seen seen;
  *seen.mutable_info() = turn.client.info(turn.options);
  turn.see(std::move(seen));
}

void explain(const Turn& turn, const std::string& id) {
  v1::Seen seen;
  *seen.mutable_explanation() = turn.client.explain(id, turn.options);
  turn.see(std::move(seen));
}

void start_workers(const Turn& turn, const millhand::v1::StartWorkersRequest& request) {
  const auto count = request.has_count() ? std::optional<int>(request.count()) : std::nullopt;
  v1::Seen seen;
  *seen.mutable_workers() = turn.client.start_workers(count, request.node_id(), turn.options);
  turn.see(std::move(seen));
}

void shutdown(const Turn& turn, const millhand::v1::ShutdownRequest& request) {
  const auto counts = turn.client.shutdown(request.mode(), optional(request.has_timeout(), request.timeout()),
                                           request.node_id(), turn.options);
  v1::Seen seen;
  bool none = true;
  for (const auto& count : counts) {
    none = none && count.count() == 0;
  }
  seen.mutable_waited()->set_done(none);
  seen.mutable_waited()->mutable_counts()->Assign(counts.begin(), counts.end());
  turn.see(std::move(seen));
}

grpc::ByteBuffer buffer_of(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

std::string bytes_in(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) {
    throw std::runtime_error("gRPC cannot read its own buffer");
  }
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

void raw(const Turn& turn, const v1::Raw& step) {
  grpc::ClientContext context;
  const std::string request_id = turn.client.prepare(context);
  if (turn.options.timeout) {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::microseconds>(*turn.options.timeout));
  }
  const std::stop_callback cancel(turn.options.stop, [&] { context.TryCancel(); });
  const grpc::ByteBuffer request = buffer_of(step.request());
  grpc::ByteBuffer response;
  std::promise<grpc::Status> called;
  grpc::GenericStub stub(turn.client.channel());
  stub.UnaryCall(&context, "/millhand.v1.TaskService/" + step.method(), {}, &request, &response,
                 [&](grpc::Status status) { called.set_value(std::move(status)); });
  if (const ErrorPtr error = error_of(called.get_future().get(), request_id)) {
    error->raise();
  }
  v1::Seen seen;
  seen.set_raw(bytes_in(response));
  turn.see(std::move(seen));
}

void load(const Turn& turn, const v1::Load& step) {
  v1::Seen seen;
  *seen.mutable_rate() = measure(turn.client, step);
  turn.see(std::move(seen));
}

using Take = void (*)(const Turn&, const v1::Step&);

const std::map<v1::Step::CallCase, Take> kCalls = {
    {v1::Step::kExecute, [](const Turn& turn, const v1::Step& step) { execute(turn, step.execute()); }},
    {v1::Step::kExecuteRegistered,
     [](const Turn& turn, const v1::Step& step) { execute_registered(turn, step.execute_registered()); }},
    {v1::Step::kRegister, [](const Turn& turn, const v1::Step& step) { register_one(turn, step.register_()); }},
    {v1::Step::kRegisterMany,
     [](const Turn& turn, const v1::Step& step) {
       see_all(turn, turn.client.register_tasks(specs_of(step.register_many()), step.register_many().mode(), {},
                                                turn.options));
     }},
    {v1::Step::kGet,
     [](const Turn& turn, const v1::Step& step) {
       see_task(turn, turn.client.get(step.get().id(), full(step.get().view()), turn.options));
     }},
    {v1::Step::kList, [](const Turn& turn, const v1::Step& step) { list(turn, step.list()); }},
    {v1::Step::kActive, [](const Turn& turn, const v1::Step& step) { active(turn, step.active()); }},
    {v1::Step::kCancel, [](const Turn& turn, const v1::Step& step) { cancel(turn, step.cancel()); }},
    {v1::Step::kCancelAll,
     [](const Turn& turn, const v1::Step& step) {
       see_cancelled(turn, turn.client.cancel_all(filter_of(step.cancel_all().filter()), step.cancel_all().reason(),
                                                  turn.options));
     }},
    {v1::Step::kCancelAllAndWait,
     [](const Turn& turn, const v1::Step& step) {
       const auto& request = step.cancel_all_and_wait();
       see_cancelled(turn,
                     turn.client.cancel_all_and_wait(filter_of(request.filter()), request.reason(),
                                                     optional(request.has_timeout(), request.timeout()), turn.options));
     }},
    {v1::Step::kWait, [](const Turn& turn, const v1::Step& step) { wait(turn, step.wait()); }},
    {v1::Step::kResults, [](const Turn& turn, const v1::Step& step) { results(turn, step.results()); }},
    {v1::Step::kResultsPage, [](const Turn& turn, const v1::Step& step) { results_page(turn, step.results_page()); }},
    {v1::Step::kCancelled, [](const Turn& turn, const v1::Step& step) { cancelled(turn, step.cancelled()); }},
    {v1::Step::kSession, [](const Turn& turn, const v1::Step& step) { Script(turn, step.session()).play(); }},
    {v1::Step::kHandlers, [](const Turn& turn, const v1::Step& /*step*/) { handlers(turn); }},
    {v1::Step::kInfo, [](const Turn& turn, const v1::Step& /*step*/) { info(turn); }},
    {v1::Step::kExplain, [](const Turn& turn, const v1::Step& step) { explain(turn, step.explain().id()); }},
    {v1::Step::kStartWorkers,
     [](const Turn& turn, const v1::Step& step) { start_workers(turn, step.start_workers()); }},
    {v1::Step::kShutdown, [](const Turn& turn, const v1::Step& step) { shutdown(turn, step.shutdown()); }},
    {v1::Step::kRaw, [](const Turn& turn, const v1::Step& step) { raw(turn, step.raw()); }},
    {v1::Step::kCancelStep,
     [](const Turn& turn, const v1::Step& step) {
       turn.player.stop(step.cancel_step());
       turn.ended();
     }},
    {v1::Step::kPause, [](const Turn& turn, const v1::Step& step) { turn.player.pause(step.name(), step.pause()); }},
    {v1::Step::kLoad, [](const Turn& turn, const v1::Step& step) { load(turn, step.load()); }},
    {v1::Step::kClose,
     [](const Turn& turn, const v1::Step& /*step*/) {
       turn.client.close();
       turn.ended();
     }},
};

}  // namespace

void call(Client& client, Player& player, const v1::Step& step) {
  const auto take = kCalls.find(step.call_case());
  if (take == kCalls.end()) {
    throw std::runtime_error("a call that this program does not know");
  }
  const Turn turn{client,
                  player,
                  step.name(),
                  {.timeout = optional(step.has_deadline(), step.deadline()), .stop = player.stop_token(step.name())}};
  take->second(turn, step);
}

}  // namespace millhand::conformance
