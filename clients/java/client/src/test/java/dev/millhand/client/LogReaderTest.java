package dev.millhand.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.millhand.client.errors.CallCancelledException;
import dev.millhand.client.errors.CursorInvalidException;
import dev.millhand.client.errors.DeadlineExceededException;
import dev.millhand.client.errors.ResultsMissedException;
import dev.millhand.client.errors.SlowReaderException;
import dev.millhand.client.errors.UnavailableException;
import dev.millhand.v1.End;
import dev.millhand.v1.EndReason;
import dev.millhand.v1.KeepAlive;
import dev.millhand.v1.StreamResultsResponse;
import dev.millhand.v1.Task;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LogReaderTest {
  private static final ReadOptions FROM_THE_OLDEST = ReadOptions.defaults().after("0");

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
  void aReaderGivesResultsUntilTheServerEnds() throws Exception {
    server.results.with(
        place("c0"),
        result("a", "c1"),
        result("b", "c2"),
        end(EndReason.END_REASON_CAUGHT_UP, "c3"));

    try (LogReader<LogRecord> reader = client.results(FROM_THE_OLDEST)) {
      assertEquals("c0", reader.cursor());
      assertEquals(List.of("a", "b"), ids(reader));
      assertEquals("c3", reader.cursor());
      assertThrows(NoSuchElementException.class, reader::next);
    }
    assertEquals("0", server.results.request().getAfter());
  }

  @Test
  void aBrokenStreamIsOpenedAgainBehindTheLastRecord() throws Exception {
    server
        .results
        .by(
            (request, out) -> {
              out.onNext(place("c0"));
              out.onNext(result("a", "c1"));
              out.onError(FakeServer.unavailable());
            })
        .with(place("c1"))
        .with(place("c1"), result("b", "c2"), end(EndReason.END_REASON_COMPLETED, "c2"));

    assertEquals(List.of("a", "b"), ids(client.results(FROM_THE_OLDEST)));
    assertEquals("0", server.results.request().getAfter());
    assertEquals("c1", server.results.request().getAfter());
    assertEquals("c1", server.results.request().getAfter());
  }

  @Test
  void aShutdownIsOutlivedUnlessThatIsNotWanted() throws Exception {
    server
        .results
        .with(place("c0"), end(EndReason.END_REASON_SHUTDOWN, "c0"))
        .with(place("c0"), result("a", "c1"), end(EndReason.END_REASON_CAUGHT_UP, "c1"))
        .with(place("c1"), end(EndReason.END_REASON_SHUTDOWN, "c1"));

    assertEquals(List.of("a"), ids(client.results(FROM_THE_OLDEST)));
    assertEquals(List.of(), ids(client.results(FROM_THE_OLDEST.untilShutdown())));
  }

  @Test
  void theCursorIsThatOfWhatWasGiven() {
    server.results.with(
        result("a", "c1"), result("b", "c2"), end(EndReason.END_REASON_CAUGHT_UP, "c2"));

    try (LogReader<LogRecord> reader = client.results(FROM_THE_OLDEST)) {
      assertTrue(reader.hasNext());
      assertEquals("0", reader.cursor());
      reader.next();
      assertTrue(reader.hasNext());
      assertEquals("c1", reader.cursor());
      reader.next();
      assertFalse(reader.hasNext());
      assertEquals("c2", reader.cursor());
    }
  }

  @Test
  void aGapIsARecordOrACallOrAnError() {
    for (int readers = 0; readers < 3; readers++) {
      server.results.with(
          gap(3, "c1"), result("a", "c2"), end(EndReason.END_REASON_CAUGHT_UP, "c2"));
    }
    List<Gap> told = new ArrayList<>();

    LogReader<LogRecord> giving = client.results(FROM_THE_OLDEST);
    assertEquals(3, ((Gap) giving.next()).missed().orElseThrow());
    assertEquals("c1", giving.cursor());
    assertEquals(List.of("a"), ids(client.results(FROM_THE_OLDEST.onGap(told::add))));
    assertEquals(1, told.size());
    assertThrows(ResultsMissedException.class, () -> client.results(FROM_THE_OLDEST.throwOnGap()));
  }

  @Test
  void aReaderGoesOnBehindAGapThatWasThrown() throws Exception {
    server.results.with(
        place("c0"), gap(3, "c1"), result("a", "c2"), end(EndReason.END_REASON_CAUGHT_UP, "c2"));
    LogReader<LogRecord> reader = client.results(FROM_THE_OLDEST.throwOnGap());

    assertThrows(ResultsMissedException.class, reader::hasNext);
    assertEquals("c1", reader.cursor());
    assertEquals(List.of("a"), ids(reader));
  }

  @Test
  void aSlowReaderIsToldAndMayGoOn() throws Exception {
    server
        .results
        .with(place("c0"), end(EndReason.END_REASON_SLOW_READER, "c5"))
        .with(result("a", "c6"), end(EndReason.END_REASON_CAUGHT_UP, "c6"));
    LogReader<LogRecord> reader = client.results(FROM_THE_OLDEST);

    assertThrows(SlowReaderException.class, reader::hasNext);
    assertEquals(List.of("a"), ids(reader));
    server.results.request();
    assertEquals("c5", server.results.request().getAfter());
  }

  @Test
  void aFrameNewerThanTheClientMovesItsCursor() {
    server.results.with(
        place("c0"), StreamResultsResponse.newBuilder().setCursor("c7").build(), result("a", "c8"));

    LogReader<LogRecord> reader = client.results(FROM_THE_OLDEST);

    assertEquals("a", ((Result) reader.next()).task().getId());
  }

  @Test
  void aStreamThatCannotBeginIsAnError() {
    server.results.failing(FakeServer.refusal(Code.INVALID_ARGUMENT, "CURSOR_INVALID"));
    assertThrows(CursorInvalidException.class, () -> client.results(FROM_THE_OLDEST));

    for (int tries = 0; tries < 5; tries++) {
      server.results.failing(FakeServer.unavailable());
    }
    assertThrows(UnavailableException.class, () -> client.results(FROM_THE_OLDEST));
  }

  @Test
  void closingEndsTheStream() throws Exception {
    server.results.by((request, out) -> out.onNext(place("c0")));
    LogReader<LogRecord> reader = client.results(FROM_THE_OLDEST);

    reader.close();

    assertFalse(reader.hasNext());
    assertTrue(server.results.awaitCancelled());
  }

  @Test
  void anInterruptedReaderKeepsItsPlace() throws Exception {
    server
        .results
        .by((request, out) -> out.onNext(place("c4")))
        .with(result("a", "c5"), end(EndReason.END_REASON_CAUGHT_UP, "c5"));
    LogReader<LogRecord> reader = client.results(FROM_THE_OLDEST);

    Thread.currentThread().interrupt();
    assertThrows(CallCancelledException.class, reader::hasNext);
    assertTrue(Thread.interrupted());

    assertEquals(List.of("a"), ids(reader));
    server.results.request();
    assertEquals("c4", server.results.request().getAfter());
  }

  @Test
  void aDeadlineEndsTheReading() {
    server.results.by((request, out) -> out.onNext(place("c0")));
    MillhandClient hurried = client.withDeadline(Duration.ofMillis(50));

    // Wherever it is then: a busy machine may not have begun.
    assertThrows(DeadlineExceededException.class, () -> hurried.results(FROM_THE_OLDEST).hasNext());
  }

  private static List<String> ids(LogReader<LogRecord> reader) {
    return reader.stream().map(one -> ((Result) one).task().getId()).toList();
  }

  private static StreamResultsResponse place(String cursor) {
    return StreamResultsResponse.newBuilder()
        .setKeepAlive(KeepAlive.getDefaultInstance())
        .setCursor(cursor)
        .build();
  }

  private static StreamResultsResponse result(String id, String cursor) {
    return StreamResultsResponse.newBuilder()
        .setResult(
            dev.millhand.v1.Result.newBuilder()
                .setTask(Task.newBuilder().setId(id))
                .setCursor(cursor))
        .setCursor(cursor)
        .build();
  }

  private static StreamResultsResponse gap(long missed, String cursor) {
    return StreamResultsResponse.newBuilder()
        .setGap(dev.millhand.v1.Gap.newBuilder().setMissed(missed).setToCursor(cursor))
        .build();
  }

  private static StreamResultsResponse end(EndReason reason, String cursor) {
    return StreamResultsResponse.newBuilder()
        .setEnd(End.newBuilder().setReason(reason))
        .setCursor(cursor)
        .build();
  }
}
