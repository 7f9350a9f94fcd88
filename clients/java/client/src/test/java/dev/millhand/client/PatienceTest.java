package dev.millhand.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.rpc.Code;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class PatienceTest {
  private final FakeClock clock = new FakeClock();
  private final MillhandException lost = MillhandErrors.of(FakeServer.unavailable());
  private final MillhandException full =
      MillhandErrors.of(
          FakeServer.refusal(Code.RESOURCE_EXHAUSTED, "QUEUE_FULL", FakeServer.retryIn(4)));
  private final MillhandException slow =
      MillhandErrors.of(FakeServer.refusal(Code.RESOURCE_EXHAUSTED, "SLOW_READER"));

  @Test
  void aCallIsTriedFiveTimesWithGrowingDelays() {
    Retries retries = new Retries(clock);

    assertEquals(Duration.ofMillis(200), retries.delayAfter(lost));
    assertEquals(Duration.ofMillis(400), retries.delayAfter(lost));
    assertEquals(Duration.ofMillis(800), retries.delayAfter(lost));
    assertEquals(Duration.ofMillis(1600), retries.delayAfter(lost));
    assertSame(lost, assertThrows(MillhandException.class, () -> retries.delayAfter(lost)));
  }

  @Test
  void onlyWhatDidNotReachTheServerIsTriedAgain() {
    assertThrows(MillhandException.class, () -> new Retries(clock).delayAfter(full));
    assertThrows(MillhandException.class, () -> begun(Duration.ofSeconds(9)).delayAfter(slow));
  }

  @Test
  void aStreamIsOpenedAgainUntilPatienceEnds() {
    Reconnect reconnect = begun(Duration.ofMillis(200));

    assertEquals(Duration.ofMillis(50), pause(reconnect.delayAfter(lost)));
    assertEquals(Duration.ofMillis(100), pause(reconnect.delayAfter(lost)));
    assertThrows(MillhandException.class, () -> reconnect.delayAfter(lost));
  }

  @Test
  void progressForgivesWhatBrokeBefore() {
    Reconnect reconnect = begun(Duration.ofMillis(200));
    pause(reconnect.delayAfter(lost));
    pause(reconnect.delayAfter(lost));
    reconnect.progressed();

    assertEquals(Duration.ofMillis(50), reconnect.delayAfter(lost));
  }

  @Test
  void delaysOfAStreamGrowToFiveSecondsAndNoFurther() {
    Reconnect reconnect = new Reconnect(clock, Optional.empty());
    reconnect.progressed();
    for (int tries = 0; tries < 50; tries++) {
      pause(reconnect.delayAfter(lost));
    }

    assertEquals(Duration.ofMillis(2500), reconnect.delayAfter(lost));
  }

  @Test
  void aFullQueueIsTriedAgainBehindTheServersAdvice() {
    FullQueue patience = new FullQueue(clock, Optional.of(Duration.ofSeconds(9)));

    assertEquals(Duration.ofSeconds(5), pause(patience.delayAfter(full)));
    assertEquals(Duration.ofSeconds(4), pause(patience.delayAfter(full)));
    assertSame(full, assertThrows(MillhandException.class, () -> patience.delayAfter(full)));
  }

  @Test
  void aFullQueueIsAnErrorForThoseWithoutPatience() {
    FullQueue patience = new FullQueue(clock, Optional.empty());

    assertThrows(MillhandException.class, () -> patience.delayAfter(full));
    assertThrows(
        MillhandException.class,
        () -> new FullQueue(clock, Optional.of(Duration.ofSeconds(9))).delayAfter(slow));
  }

  private Reconnect begun(Duration patience) {
    Reconnect reconnect = new Reconnect(clock, Optional.of(patience));
    reconnect.progressed();
    return reconnect;
  }

  private Duration pause(Duration length) {
    clock.pause(length);
    return length;
  }
}
