package dev.millhand.client;

import com.google.protobuf.Any;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.millhand.v1.CancelAllRequest;
import dev.millhand.v1.CancelAllResponse;
import dev.millhand.v1.CancelTaskRequest;
import dev.millhand.v1.CancelTaskResponse;
import dev.millhand.v1.ExecuteTaskRequest;
import dev.millhand.v1.ExecuteTaskResponse;
import dev.millhand.v1.GetTaskRequest;
import dev.millhand.v1.GetTaskResponse;
import dev.millhand.v1.GetTasksRequest;
import dev.millhand.v1.GetTasksResponse;
import dev.millhand.v1.RegisterTaskRequest;
import dev.millhand.v1.RegisterTaskResponse;
import dev.millhand.v1.RegisterTasksRequest;
import dev.millhand.v1.RegisterTasksResponse;
import dev.millhand.v1.SessionRequest;
import dev.millhand.v1.SessionResponse;
import dev.millhand.v1.StreamResultsRequest;
import dev.millhand.v1.StreamResultsResponse;
import dev.millhand.v1.TaskServiceGrpc;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/**
 * A server in this process that answers as a test says, each call by the next answer of its kind.
 */
final class FakeServer extends TaskServiceGrpc.TaskServiceImplBase implements AutoCloseable {
  final List<Metadata> headers = new CopyOnWriteArrayList<>();
  final Answers<ExecuteTaskRequest, ExecuteTaskResponse> execute = new Answers<>();
  final Answers<RegisterTaskRequest, RegisterTaskResponse> register = new Answers<>();
  final Answers<RegisterTasksRequest, RegisterTasksResponse> registerMany = new Answers<>();
  final Answers<GetTaskRequest, GetTaskResponse> get = new Answers<>();
  final Answers<GetTasksRequest, GetTasksResponse> list = new Answers<>();
  final Answers<CancelTaskRequest, CancelTaskResponse> cancel = new Answers<>();
  final Answers<CancelAllRequest, CancelAllResponse> cancelAll = new Answers<>();
  final Answers<StreamResultsRequest, StreamResultsResponse> results = new Answers<>();
  final BlockingQueue<SessionCall> sessions = new LinkedBlockingQueue<>();

  private final Server server;
  private final String name = InProcessServerBuilder.generateName();

  /** The calls of one method: what came, and what is to be answered. */
  static final class Answers<Q, R> {
    private static final long PATIENCE_S = 10;
    private final BlockingQueue<BiConsumer<Q, StreamObserver<R>>> next =
        new LinkedBlockingQueue<>();
    private final BlockingQueue<Q> requests = new LinkedBlockingQueue<>();
    private final BlockingQueue<Boolean> cancels = new LinkedBlockingQueue<>();

    @SafeVarargs
    final Answers<Q, R> with(R... frames) {
      return by(
          (request, out) -> {
            for (R frame : frames) {
              out.onNext(frame);
            }
            out.onCompleted();
          });
    }

    Answers<Q, R> failing(StatusRuntimeException error) {
      return by((request, out) -> out.onError(error));
    }

    /** Never answers. */
    Answers<Q, R> holding() {
      return by((request, out) -> {});
    }

    Answers<Q, R> by(BiConsumer<Q, StreamObserver<R>> answer) {
      next.add(answer);
      return this;
    }

    Q request() throws InterruptedException {
      return Optional.ofNullable(requests.poll(PATIENCE_S, TimeUnit.SECONDS))
          .orElseThrow(() -> new AssertionError("no request came"));
    }

    int unread() {
      return requests.size();
    }

    boolean awaitCancelled() throws InterruptedException {
      return cancels.poll(PATIENCE_S, TimeUnit.SECONDS) != null;
    }

    private void answer(Q request, StreamObserver<R> out) {
      ((ServerCallStreamObserver<R>) out).setOnCancelHandler(() -> cancels.add(true));
      requests.add(request);
      BiConsumer<Q, StreamObserver<R>> answer = next.poll();
      if (answer == null) {
        out.onError(Status.UNKNOWN.withDescription("the test has no answer").asException());
      } else {
        answer.accept(request, out);
      }
    }
  }

  /** One stream of a session. */
  static final class SessionCall {
    private final StreamObserver<SessionResponse> out;
    private final BlockingQueue<Optional<SessionRequest>> in = new LinkedBlockingQueue<>();

    SessionCall(StreamObserver<SessionResponse> out) {
      this.out = out;
    }

    /** The next request; empty at the half-close. */
    Optional<SessionRequest> request() throws InterruptedException {
      Optional<SessionRequest> request = in.poll(10, TimeUnit.SECONDS);
      if (request == null) {
        throw new AssertionError("no request came");
      }
      return request;
    }

    void send(SessionResponse.Builder response) {
      out.onNext(response.build());
    }

    void end() {
      out.onCompleted();
    }

    void breakOff() {
      out.onError(Status.UNAVAILABLE.withDescription("broken off").asException());
    }
  }

  private FakeServer() throws IOException {
    ServerInterceptor noting =
        new ServerInterceptor() {
          @Override
          public <Q, R> ServerCall.Listener<Q> interceptCall(
              ServerCall<Q, R> call, Metadata came, ServerCallHandler<Q, R> next) {
            headers.add(came);
            return next.startCall(call, came);
          }
        };
    server = InProcessServerBuilder.forName(name).addService(this).intercept(noting).build();
    server.start();
  }

  static FakeServer start() throws IOException {
    return new FakeServer();
  }

  MillhandClient client(Clock clock) {
    return new ClientBuilder("in-process")
        .token("secret")
        .on(InProcessChannelBuilder.forName(name).build(), clock);
  }

  SessionCall session() throws InterruptedException {
    return Optional.ofNullable(sessions.poll(10, TimeUnit.SECONDS))
        .orElseThrow(() -> new AssertionError("no session was opened"));
  }

  @Override
  public void close() {
    server.shutdownNow();
  }

  /** A refusal, as Millhand's servers make it. */
  static StatusRuntimeException refusal(Code code, String reason, Any... details) {
    ErrorInfo info =
        ErrorInfo.newBuilder()
            .setReason(reason)
            .setDomain("millhand.v1")
            .putMetadata("task_id", "a")
            .build();
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(code.getNumber())
            .setMessage("as the test says")
            .addDetails(Any.pack(info))
            .addAllDetails(List.of(details))
            .build());
  }

  static Any retryIn(long seconds) {
    return Any.pack(
        RetryInfo.newBuilder()
            .setRetryDelay(com.google.protobuf.Duration.newBuilder().setSeconds(seconds))
            .build());
  }

  static StatusRuntimeException unavailable() {
    return Status.UNAVAILABLE.withDescription("nobody is there").asRuntimeException();
  }

  @Override
  public void executeTask(ExecuteTaskRequest request, StreamObserver<ExecuteTaskResponse> out) {
    execute.answer(request, out);
  }

  @Override
  public void registerTask(RegisterTaskRequest request, StreamObserver<RegisterTaskResponse> out) {
    register.answer(request, out);
  }

  @Override
  public void registerTasks(
      RegisterTasksRequest request, StreamObserver<RegisterTasksResponse> out) {
    registerMany.answer(request, out);
  }

  @Override
  public void getTask(GetTaskRequest request, StreamObserver<GetTaskResponse> out) {
    get.answer(request, out);
  }

  @Override
  public void getTasks(GetTasksRequest request, StreamObserver<GetTasksResponse> out) {
    list.answer(request, out);
  }

  @Override
  public void cancelTask(CancelTaskRequest request, StreamObserver<CancelTaskResponse> out) {
    cancel.answer(request, out);
  }

  @Override
  public void cancelAll(CancelAllRequest request, StreamObserver<CancelAllResponse> out) {
    cancelAll.answer(request, out);
  }

  @Override
  public void streamResults(
      StreamResultsRequest request, StreamObserver<StreamResultsResponse> out) {
    results.answer(request, out);
  }

  @Override
  public StreamObserver<SessionRequest> session(StreamObserver<SessionResponse> out) {
    SessionCall call = new SessionCall(out);
    ((ServerCallStreamObserver<SessionResponse>) out).setOnCancelHandler(() -> {});
    sessions.add(call);
    return new StreamObserver<>() {
      @Override
      public void onNext(SessionRequest request) {
        call.in.add(Optional.of(request));
      }

      @Override
      public void onError(Throwable hungUp) {
        // The client needs this stream no more.
      }

      @Override
      public void onCompleted() {
        call.in.add(Optional.empty());
      }
    };
  }
}
