package dev.millhand.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Value;
import com.google.rpc.Code;
import dev.millhand.client.errors.CallCancelledException;
import dev.millhand.client.errors.ClientClosedException;
import dev.millhand.client.errors.DeadlineExceededException;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.QueueFullException;
import dev.millhand.client.errors.TaskFailedException;
import dev.millhand.client.errors.TaskNotFoundException;
import dev.millhand.client.errors.UnavailableException;
import dev.millhand.client.errors.UnexpectedOutputException;
import dev.millhand.v1.ExecuteTaskResponse;
import dev.millhand.v1.GetTaskRequest;
import dev.millhand.v1.GetTaskResponse;
import dev.millhand.v1.GetTasksResponse;
import dev.millhand.v1.Payload;
import dev.millhand.v1.RegisterResult;
import dev.millhand.v1.RegisterTaskResponse;
import dev.millhand.v1.RegisterTasksResponse;
import dev.millhand.v1.Result;
import dev.millhand.v1.Task;
import dev.millhand.v1.TaskSpec;
import dev.millhand.v1.TaskStatus;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MillhandClientTest {
  private static final GetTaskResponse GOT =
      GetTaskResponse.newBuilder().setTask(Task.newBuilder().setId("a")).build();

  private final FakeClock clock = new FakeClock();
  private FakeServer server;
  private MillhandClient client;

  @BeforeEach
  void start() throws IOException {
    server = FakeServer.start();
    client = server.client(clock);
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  @Test
  void aCallThatDidNotReachTheServerIsTriedAgain() throws Exception {
    server.get.failing(FakeServer.unavailable()).failing(FakeServer.unavailable()).with(GOT);

    assertEquals("a", client.get("a").getId());
    assertEquals(List.of(Duration.ofMillis(200), Duration.ofMillis(400)), clock.pauses);
  }

  @Test
  void fiveTriesAreEnough() {
    for (int tries = 0; tries < 6; tries++) {
      server.get.failing(FakeServer.unavailable());
    }

    assertThrows(UnavailableException.class, () -> client.get("a"));
    assertEquals(5, server.get.unread());
  }

  @Test
  void aRefusalIsNotTriedAgain() {
    server.get.failing(FakeServer.refusal(Code.NOT_FOUND, "TASK_NOT_FOUND")).with(GOT);

    assertThrows(TaskNotFoundException.class, () -> client.get("a"));
    assertEquals(1, server.get.unread());
  }

  @Test
  void aCancelOfManyIsNotTriedAgain() {
    server.cancelAll.failing(FakeServer.unavailable());

    assertThrows(UnavailableException.class, () -> client.cancelAll(Filter.all(), ""));
    assertEquals(1, server.cancelAll.unread());
  }

  @Test
  void aRegistrationIsRepeatedUnderItsId() throws Exception {
    server
        .register
        .failing(FakeServer.unavailable())
        .with(RegisterTaskResponse.newBuilder().setTask(Task.newBuilder().setId("x")).build());

    client.register(NewTask.of("echo"));

    TaskSpec first = server.register.request().getTask();
    assertFalse(first.getId().isEmpty());
    assertEquals(first, server.register.request().getTask());
  }

  @Test
  void theTokenAndARequestIdGoWithEveryCall() {
    server.get.with(GOT).with(GOT);

    client.get("a");
    client.get("a");

    assertEquals("Bearer secret", server.headers.get(0).get(Wire.AUTHORIZATION));
    assertNotEquals(
        server.headers.get(0).get(Wire.REQUEST_ID), server.headers.get(1).get(Wire.REQUEST_ID));
  }

  @Test
  void theGeneratedCodeHasTheTokenToo() {
    server.get.with(GOT).failing(FakeServer.refusal(Code.NOT_FOUND, "TASK_NOT_FOUND"));
    GetTaskRequest request = GetTaskRequest.newBuilder().setId("a").build();

    assertEquals(GOT, client.stub().getTask(request));
    StatusRuntimeException refusal =
        assertThrows(StatusRuntimeException.class, () -> client.stub().getTask(request));

    assertEquals("Bearer secret", server.headers.get(0).get(Wire.AUTHORIZATION));
    assertEquals(TaskNotFoundException.class, MillhandErrors.of(refusal).getClass());
  }

  @Test
  void aDeadlineEndsACallWithAllItsRetries() {
    server.get.failing(FakeServer.unavailable()).failing(FakeServer.unavailable()).with(GOT);

    MillhandClient hurried = client.withDeadline(Duration.ofMillis(500));

    // The second pause would be over behind it.
    assertThrows(UnavailableException.class, () -> hurried.get("a"));
    assertEquals(List.of(Duration.ofMillis(200)), clock.pauses);
  }

  @Test
  void aDeadlineEndsACallThatIsNotAnswered() {
    server.get.holding();

    assertThrows(
        DeadlineExceededException.class, () -> client.withDeadline(Duration.ofMillis(50)).get("a"));
  }

  @Test
  void anInterruptEndsTheWaitAndNotTheTask() throws Exception {
    server.execute.holding();
    CompletableFuture<Throwable> ended = new CompletableFuture<>();
    Thread waiting =
        new Thread(
            () -> {
              try {
                client.execute(NewTask.of("sleep"));
              } catch (MillhandException error) {
                ended.complete(
                    Thread.currentThread().isInterrupted() ? error : new AssertionError("lost"));
              }
            });
    waiting.start();
    server.execute.request();

    waiting.interrupt();

    assertEquals(CallCancelledException.class, ended.get(9, TimeUnit.SECONDS).getClass());
    assertTrue(server.execute.awaitCancelled());
    assertEquals(0, server.cancel.unread());
  }

  @Test
  void aTaskIsCancelledWithItsWaitIfThatIsAskedFor() throws Exception {
    server.execute.holding();
    CompletableFuture<?> running =
        client
            .async()
            .executeTask(
                NewTask.builder("sleep").id("a").build(),
                ExecuteOptions.defaults().cancelWhenAbandoned());
    server.execute.request();

    running.cancel(true);

    assertEquals("a", server.cancel.request().getId());
  }

  @Test
  void theOutputOfATaskIsItsValue() {
    server.execute.with(completed("x")).with(completed("x")).with(completed("x"));

    assertEquals("x", client.execute(NewTask.of("echo")));
    assertEquals("x", client.execute(NewTask.of("echo"), String.class));
    assertThrows(
        UnexpectedOutputException.class, () -> client.execute(NewTask.of("echo"), Long.class));
  }

  @Test
  void aTaskThatFailedIsAnErrorWithItsResult() {
    server.execute.with(
        ExecuteTaskResponse.newBuilder()
            .setResult(
                Result.newBuilder()
                    .setTask(Task.newBuilder().setId("a").setStatus(TaskStatus.TASK_STATUS_FAILED))
                    .setError(com.google.rpc.Status.newBuilder().setCode(13).setMessage("no")))
            .build());

    TaskFailedException error =
        assertThrows(TaskFailedException.class, () -> client.execute(NewTask.of("fail")));

    assertEquals("a", error.task().orElseThrow().getId());
  }

  @Test
  void anExecutionThatBreaksOffJoinsItsTaskAgain() throws Exception {
    server
        .execute
        .by(
            (request, out) -> {
              out.onNext(ExecuteTaskResponse.getDefaultInstance());
              out.onError(FakeServer.unavailable());
            })
        .with(completed("x"));

    assertEquals("x", client.execute(NewTask.of("echo")));
    assertEquals(
        server.execute.request().getTask().getId(), server.execute.request().getTask().getId());
  }

  @Test
  void anErrorOfAnExecutionNamesItsTask() {
    server.execute.failing(
        StatusProto.toStatusRuntimeException(
            com.google.rpc.Status.newBuilder().setCode(7).build(), new Metadata()));

    MillhandException error =
        assertThrows(
            MillhandException.class,
            () -> client.execute(NewTask.builder("echo").id("mine").build()));

    assertEquals(Map.of("task_id", "mine"), error.metadata());
  }

  @Test
  void aFullQueueIsAnErrorUnlessPatienceIsAskedFor() throws Exception {
    StatusRuntimeException full =
        FakeServer.refusal(Code.RESOURCE_EXHAUSTED, "QUEUE_FULL", FakeServer.retryIn(2));
    server.register.failing(full).failing(full).with(RegisterTaskResponse.getDefaultInstance());

    assertThrows(QueueFullException.class, () -> client.register(NewTask.of("echo")));
    client.withRetryWhenFull(Duration.ofSeconds(9)).register(NewTask.of("echo"));

    assertEquals(List.of(Duration.ofMillis(2500)), clock.pauses);
  }

  @Test
  void ofABatchOnlyWhatAFullQueueRefusedIsSentAgain() throws Exception {
    RegisterResult full =
        RegisterResult.newBuilder()
            .setError(
                StatusProto.fromThrowable(
                    FakeServer.refusal(
                        Code.RESOURCE_EXHAUSTED, "QUEUE_FULL", FakeServer.retryIn(1))))
            .build();
    server
        .registerMany
        .with(answers(registered("a"), full, registered("c")))
        .with(answers(registered("b")));

    List<Registered> answers =
        client
            .withRetryWhenFull(Duration.ofSeconds(9))
            .registerEach(List.of(named("a"), named("b"), named("c")));

    assertEquals(
        List.of("a", "b", "c"), answers.stream().map(one -> one.orThrow().getId()).toList());
    assertEquals(3, server.registerMany.request().getTasksCount());
    assertEquals(
        List.of("b"),
        server.registerMany.request().getTasksList().stream().map(TaskSpec::getId).toList());
  }

  @Test
  void withoutPatienceAFullQueuesRefusalIsTheAnswer() {
    RegisterResult full =
        RegisterResult.newBuilder()
            .setError(
                StatusProto.fromThrowable(
                    FakeServer.refusal(Code.RESOURCE_EXHAUSTED, "QUEUE_FULL")))
            .build();
    server.registerMany.with(answers(registered("a"), full));

    List<Registered> answers = client.registerEach(List.of(named("a"), named("b")));

    assertTrue(answers.get(0).created());
    assertThrows(QueueFullException.class, () -> answers.get(1).orThrow());
  }

  @Test
  void aListingGoesOnOverItsPages() throws Exception {
    server.list.with(page("more", "a")).with(page("yet more")).with(page("", "b", "c"));

    List<String> ids = client.list(Filter.all()).stream().map(Task::getId).toList();

    assertEquals(List.of("a", "b", "c"), ids);
    assertEquals("", server.list.request().getPageToken());
    assertEquals("more", server.list.request().getPageToken());
    assertEquals("yet more", server.list.request().getPageToken());
  }

  @Test
  void aClosedClientCallsNobody() throws Exception {
    server.get.holding();
    CompletableFuture<Task> waiting = client.async().get("a");
    server.get.request();

    client.close();

    ExecutionException error =
        assertThrows(ExecutionException.class, () -> waiting.get(9, TimeUnit.SECONDS));
    assertEquals(CallCancelledException.class, error.getCause().getClass());
    assertThrows(ClientClosedException.class, () -> client.get("a"));
  }

  private static NewTask named(String id) {
    return NewTask.builder("echo").id(id).build();
  }

  private static RegisterResult registered(String id) {
    return RegisterResult.newBuilder()
        .setTask(Task.newBuilder().setId(id))
        .setCreated(true)
        .build();
  }

  private static RegisterTasksResponse answers(RegisterResult... results) {
    return RegisterTasksResponse.newBuilder().addAllResults(List.of(results)).build();
  }

  private static GetTasksResponse page(String next, String... ids) {
    GetTasksResponse.Builder page = GetTasksResponse.newBuilder().setNextPageToken(next);
    for (String id : ids) {
      page.addTasks(Task.newBuilder().setId(id));
    }
    return page.build();
  }

  private static ExecuteTaskResponse completed(String output) {
    return ExecuteTaskResponse.newBuilder()
        .setResult(
            Result.newBuilder()
                .setTask(Task.newBuilder().setId("a").setStatus(TaskStatus.TASK_STATUS_COMPLETED))
                .setOutput(Payload.newBuilder().setJson(Value.newBuilder().setStringValue(output))))
        .build();
  }
}
