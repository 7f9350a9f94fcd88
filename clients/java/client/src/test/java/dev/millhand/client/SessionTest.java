package dev.millhand.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.millhand.client.FakeServer.SessionCall;
import dev.millhand.client.errors.ClientClosedException;
import dev.millhand.client.errors.InvalidTaskFuncException;
import dev.millhand.client.errors.UnavailableException;
import dev.millhand.v1.EndReason;
import dev.millhand.v1.RegisterResult;
import dev.millhand.v1.SessionError;
import dev.millhand.v1.SessionGoodbye;
import dev.millhand.v1.SessionRegistered;
import dev.millhand.v1.SessionRequest;
import dev.millhand.v1.SessionResponse;
import dev.millhand.v1.SessionResults;
import dev.millhand.v1.SessionSubscribed;
import dev.millhand.v1.SessionWelcome;
import dev.millhand.v1.Task;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SessionTest {
  private FakeServer server;
  private MillhandClient client;

  @BeforeEach
  void start() throws IOException {
    server = FakeServer.start();
    client = server.client(new FakeClock());
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  @Test
  void aSessionRegistersAndReadsToItsEnd() throws Exception {
    Session session = client.session("s");
    SessionCall stream = server.session();
    assertEquals("s", stream.request().orElseThrow().getHello().getSessionId());
    CompletableFuture<List<Registered>> answer = session.registerAllAsync(List.of(named("a")));
    answerRegistered(stream, "a");
    assertTrue(answer.get(9, TimeUnit.SECONDS).get(0).created());

    stream.send(results("c1", "a"));
    session.finish();
    assertTrue(stream.request().isEmpty());
    stream.send(goodbye(EndReason.END_REASON_COMPLETED, "c2"));
    stream.end();

    assertEquals(List.of("a"), ids(session));
    assertEquals("c2", session.cursor());
    assertThrows(ClientClosedException.class, () -> session.register(named("b")));
    session.close();
  }

  @Test
  void aBrokenSessionSendsAgainWhatWasNotAnsweredAndResumes() throws Exception {
    Session session = client.session("s");
    SessionCall first = server.session();
    first.request();
    CompletableFuture<String> subscribed =
        CompletableFuture.supplyAsync(() -> session.subscribe(SubscribeOptions.own()));
    answerSubscribed(first, "c0");
    assertEquals("c0", subscribed.get(9, TimeUnit.SECONDS));
    first.send(results("c1", "a"));
    assertEquals("a", id(session.results().iterator().next()));
    CompletableFuture<List<Registered>> answer = session.registerAllAsync(List.of(named("b")));
    SessionRequest asked = first.request().orElseThrow();
    first.breakOff();

    SessionCall second = server.session();
    assertEquals("s", second.request().orElseThrow().getHello().getSessionId());
    assertEquals("c1", second.request().orElseThrow().getSubscribe().getAfter());
    assertEquals(asked, second.request().orElseThrow());
    second.send(registered(asked.getRequestId(), "s", "b"));
    assertEquals("b", answer.get(9, TimeUnit.SECONDS).get(0).orThrow().getId());
    session.close();
  }

  @Test
  void whatWasReadBehindTheCursorDoesNotComeTwice() throws Exception {
    Session session = subscribed("c0");
    SessionCall first = server.session();
    open(first, "c0");
    first.send(results("c2", "a", "b"));
    Iterator<LogRecord> records = session.results().iterator();
    assertEquals("a", id(records.next()));
    first.breakOff();

    SessionCall second = server.session();
    second.request();
    assertEquals("c0", second.request().orElseThrow().getSubscribe().getAfter());
    second.send(results("c2", "a", "b"));

    assertEquals("b", id(records.next()));
    assertEquals("c2", session.cursor());
    session.close();
  }

  @Test
  void aRefusalIsTheAnswerAndTheSessionGoesOn() throws Exception {
    Session session = client.session("s");
    SessionCall stream = server.session();
    stream.request();
    CompletableFuture<List<Registered>> refused = session.registerAllAsync(List.of(named("a")));
    String asked = stream.request().orElseThrow().getRequestId();
    stream.send(
        SessionResponse.newBuilder()
            .setRequestId(asked)
            .setError(
                SessionError.newBuilder()
                    .setStatus(
                        StatusProto.fromThrowable(
                            FakeServer.refusal(Code.INVALID_ARGUMENT, "INVALID_TASK_FUNC")))));
    CompletableFuture<List<Registered>> next = session.registerAllAsync(List.of(named("b")));
    answerRegistered(stream, "b");

    ExecutionException error =
        assertThrows(ExecutionException.class, () -> refused.get(9, TimeUnit.SECONDS));
    assertInstanceOf(InvalidTaskFuncException.class, error.getCause());
    assertEquals("b", next.get(9, TimeUnit.SECONDS).get(0).orThrow().getId());
    session.close();
  }

  @Test
  void aSessionThatCannotBeginFailsItsRequests() throws Exception {
    Session session = client.session("s");
    CompletableFuture<List<Registered>> answer = session.registerAllAsync(List.of(named("a")));
    for (int tries = 0; tries < 5; tries++) {
      server.session().breakOff();
    }

    ExecutionException error =
        assertThrows(ExecutionException.class, () -> answer.get(9, TimeUnit.SECONDS));
    assertInstanceOf(UnavailableException.class, error.getCause());
    assertThrows(UnavailableException.class, () -> session.results().iterator().hasNext());
  }

  @Test
  void creditGoesOutAsResultsAreRead() throws Exception {
    Session session = client.session("s");
    SessionCall stream = server.session();
    stream.request();
    stream.send(SessionResponse.newBuilder().setWelcome(SessionWelcome.newBuilder().setCredit(4)));
    stream.send(results("c3", "a", "b", "c"));
    Iterator<LogRecord> records = session.results().iterator();

    records.next();
    records.next();

    assertEquals(2, stream.request().orElseThrow().getCredit().getResults());
    session.close();
  }

  @Test
  void aSessionWithoutCreditGoesOnOverAnotherStream() throws Exception {
    Session session = client.session("s");
    SessionCall first = server.session();
    first.request();
    session.finish();
    first.send(results("c1", "a"));
    first.send(goodbye(EndReason.END_REASON_CREDIT_SPENT, "c1"));
    first.end();
    Iterator<LogRecord> records = session.results().iterator();
    assertEquals("a", id(records.next()));

    SessionCall second = server.session();
    second.request();
    assertTrue(second.request().isEmpty());
    second.send(goodbye(EndReason.END_REASON_COMPLETED, "c1"));
    second.end();

    assertFalse(records.hasNext());
  }

  @Test
  void whatOthersHadRegisteredIsAdoptedOnEachStream() throws Exception {
    Session session = client.session("s");
    SessionCall first = server.session();
    first.request();
    CompletableFuture<List<Registered>> answer = session.registerAllAsync(List.of(named("a")));
    String asked = first.request().orElseThrow().getRequestId();
    first.send(registered(asked, "of somebody else", "a"));
    answer.get(9, TimeUnit.SECONDS);
    first.breakOff();

    SessionCall second = server.session();
    second.request();

    assertEquals("a", second.request().orElseThrow().getRegister().getTasks(0).getId());
    session.close();
  }

  @Test
  void closingWaitsForTheAnswers() throws Exception {
    Session session = client.session("s");
    SessionCall stream = server.session();
    stream.request();
    CompletableFuture<List<Registered>> answer = session.registerAllAsync(List.of(named("a")));
    CompletableFuture<Void> closing = CompletableFuture.runAsync(session::close);
    SessionRequest asked = stream.request().orElseThrow();
    assertTrue(stream.request().isEmpty());
    assertFalse(closing.isDone());

    stream.send(registered(asked.getRequestId(), "s", "a"));

    closing.get(9, TimeUnit.SECONDS);
    assertTrue(answer.get(9, TimeUnit.SECONDS).get(0).created());
  }

  /** A session that subscribes in another thread, which the test answers with {@link #open}. */
  private Session subscribed(String cursor) {
    Session session = client.session("s");
    CompletableFuture.runAsync(
        () -> assertEquals(cursor, session.subscribe(SubscribeOptions.own())));
    return session;
  }

  private static void open(SessionCall stream, String cursor) throws InterruptedException {
    stream.request();
    answerSubscribed(stream, cursor);
  }

  private static void answerSubscribed(SessionCall stream, String cursor)
      throws InterruptedException {
    String asked = stream.request().orElseThrow().getRequestId();
    stream.send(
        SessionResponse.newBuilder()
            .setRequestId(asked)
            .setSubscribed(SessionSubscribed.newBuilder().setCursor(cursor)));
  }

  private static void answerRegistered(SessionCall stream, String id) throws InterruptedException {
    stream.send(registered(stream.request().orElseThrow().getRequestId(), "s", id));
  }

  private static SessionResponse.Builder registered(String requestId, String session, String id) {
    Task.Builder task = Task.newBuilder().setId(id).setSessionId(session);
    return SessionResponse.newBuilder()
        .setRequestId(requestId)
        .setRegistered(
            SessionRegistered.newBuilder()
                .addResults(RegisterResult.newBuilder().setTask(task).setCreated(true)));
  }

  private static SessionResponse.Builder results(String cursor, String... ids) {
    SessionResults.Builder results = SessionResults.newBuilder().setCursor(cursor);
    for (String id : ids) {
      results.addResults(dev.millhand.v1.Result.newBuilder().setTask(Task.newBuilder().setId(id)));
    }
    return SessionResponse.newBuilder().setResults(results);
  }

  private static SessionResponse.Builder goodbye(EndReason reason, String cursor) {
    return SessionResponse.newBuilder()
        .setGoodbye(SessionGoodbye.newBuilder().setReason(reason).setCursor(cursor));
  }

  private static NewTask named(String id) {
    return NewTask.builder("echo").id(id).build();
  }

  private static List<String> ids(Session session) {
    List<String> ids = new java.util.ArrayList<>();
    session.results().forEach(one -> ids.add(id(one)));
    return ids;
  }

  private static String id(LogRecord record) {
    return ((Result) record).task().getId();
  }
}
