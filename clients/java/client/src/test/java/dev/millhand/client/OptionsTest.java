package dev.millhand.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.millhand.client.errors.InvalidArgumentException;
import dev.millhand.v1.TaskFilter;
import dev.millhand.v1.TaskStatus;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OptionsTest {
  @Test
  void aTaskHasAnIdFromTheStart() {
    UUID id = UUID.fromString(NewTask.of("echo").id());

    assertEquals(7, id.version());
    assertEquals(2, id.variant());
    assertNotEquals(NewTask.of("echo").id(), NewTask.of("echo").id());
  }

  @Test
  void anIdIsNotMadeWhereThereIsOneOrAKey() {
    assertEquals("mine", NewTask.builder("echo").id("mine").build().id());
    assertEquals("", NewTask.builder("echo").idempotencyKey("key").build().id());
  }

  @Test
  void aTaskSaysWhatWasSaid() {
    NewTask task =
        NewTask.builder("echo")
            .payload("x")
            .priority(-5)
            .labels(Map.of("k", "v"))
            .retries(0)
            .attemptTimeout(Duration.ofMillis(1500))
            .runAt(Instant.ofEpochSecond(7))
            .delay(Duration.ofSeconds(2))
            .build();

    assertEquals("x", task.spec().getPayload().getJson().getStringValue());
    assertEquals(-5, task.spec().getPriority());
    assertEquals(Map.of("k", "v"), task.spec().getLabelsMap());
    assertEquals(0, task.spec().getRetries());
    assertEquals(500_000_000, task.spec().getTimeout().getNanos());
    assertEquals(2, task.spec().getDelay().getSeconds());
    assertFalse(task.spec().hasRunAt());
    assertFalse(task.toString().contains("x\""));
  }

  @Test
  void timesThatTheWireCannotSayAreRefused() {
    NewTask.Builder builder = NewTask.builder("echo");

    refused(() -> builder.delay(Duration.ofNanos(-1)));
    refused(() -> builder.retryDelay(Duration.ofSeconds(Long.MAX_VALUE)));
    refused(() -> builder.runAt(Instant.MAX));
    refused(() -> builder.deadline(Instant.MIN));
    refused(() -> NewTask.of(""));
  }

  @Test
  void aFilterHasAllOfItsConditions() {
    Filter filter =
        Filter.all()
            .ids("a", "b")
            .handlers("echo")
            .queues("q")
            .statuses(TaskStatus.TASK_STATUS_QUEUED)
            .label("k", "v")
            .correlationId("c");

    TaskFilter expected =
        TaskFilter.newBuilder()
            .addIds("a")
            .addIds("b")
            .addHandlers("echo")
            .addQueues("q")
            .addStatuses(TaskStatus.TASK_STATUS_QUEUED)
            .putLabels("k", "v")
            .setCorrelationId("c")
            .build();
    assertEquals(expected, filter.message());
    assertEquals(TaskFilter.getDefaultInstance(), Filter.all().message());
  }

  @Test
  void aConditionThatIsEmptyIsRefused() {
    refused(() -> Filter.all().ids(List.of()));
    refused(() -> Filter.all().handlers());
    refused(() -> Filter.all().queues());
    refused(() -> Filter.all().statuses());
    refused(() -> Filter.all().labels(Map.of()));
    refused(() -> Filter.all().correlationId(""));
  }

  @ParameterizedTest
  @CsvSource({
    "localhost:1, true",
    "127.0.0.1:50051, true",
    "127.9.9.9:1, true",
    "[::1]:1, true",
    "::1, true",
    "dns:///localhost:1, true",
    "dns:localhost:1, true",
    "unix:/run/millhand, true",
    "127.0.0.1.example.org:1, false",
    "localhost.example.org:1, false",
    "tasks.example.org:443, false",
    "10.0.0.1:1, false",
    "dns://8.8.8.8/tasks.example.org:443, false",
    "[2001:db8::1]:1, false",
  })
  void loopbackIsToldFromTheNetwork(String address, boolean isLoopback) {
    assertEquals(isLoopback, Address.isLoopback(address));
  }

  @Test
  void aTokenDoesNotTravelInTheClear() {
    ClientBuilder builder = MillhandClient.builder("tasks.example.org:443").token("secret");

    assertThrows(IllegalArgumentException.class, builder::build);
    builder.insecureToken().build().close();
    MillhandClient.builder("127.0.0.1:1").token("secret").build().close();
  }

  @Test
  void aCertificateThatIsNoneIsRefused() {
    byte[] nonsense = "nonsense".getBytes(StandardCharsets.UTF_8);
    ClientBuilder builder = MillhandClient.builder("localhost:1");

    assertThrows(IllegalArgumentException.class, () -> builder.tlsAuthority(nonsense));
    assertThrows(IllegalArgumentException.class, () -> builder.tlsIdentity(nonsense, nonsense));
  }

  private static void refused(Executable what) {
    assertThrows(InvalidArgumentException.class, what);
  }
}
