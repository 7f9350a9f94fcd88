package dev.millhand.client;

import dev.millhand.client.errors.InvalidArgumentException;
import dev.millhand.v1.TaskFilter;
import dev.millhand.v1.TaskStatus;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * Which tasks are meant. Conditions of several kinds must all hold, of one kind any, and of labels
 * all. Immutable: each method returns another filter, with one condition more.
 *
 * <p>A condition that is given and empty is refused with {@link InvalidArgumentException}: on the
 * wire that is none at all, and a caller whose list came out empty would cancel everybody's tasks.
 */
public final class Filter {
  private static final Filter ALL = new Filter(TaskFilter.getDefaultInstance());

  private final TaskFilter message;

  private Filter(TaskFilter message) {
    this.message = message;
  }

  /** Returns the filter that every task passes. */
  public static Filter all() {
    return ALL;
  }

  /**
   * Returns a filter of a message, empty conditions and all.
   *
   * @param message the contract's own
   */
  public static Filter of(TaskFilter message) {
    return new Filter(message);
  }

  /** Returns the contract's own message. */
  public TaskFilter message() {
    return message;
  }

  /** With one of these ids. */
  public Filter ids(String... ids) {
    return ids(Arrays.asList(ids));
  }

  /** With one of these ids. */
  public Filter ids(Collection<String> ids) {
    return new Filter(message.toBuilder().addAllIds(given(ids, "ids")).build());
  }

  /** With one of these handlers. */
  public Filter handlers(String... handlers) {
    List<String> given = given(Arrays.asList(handlers), "handlers");
    return new Filter(message.toBuilder().addAllHandlers(given).build());
  }

  /** In one of these queues. */
  public Filter queues(String... queues) {
    List<String> given = given(Arrays.asList(queues), "queues");
    return new Filter(message.toBuilder().addAllQueues(given).build());
  }

  /** In one of these statuses. */
  public Filter statuses(TaskStatus... statuses) {
    List<TaskStatus> given = given(Arrays.asList(statuses), "statuses");
    return new Filter(message.toBuilder().addAllStatuses(given).build());
  }

  /** With this label. */
  public Filter label(String key, String value) {
    return new Filter(message.toBuilder().putLabels(key, value).build());
  }

  /** With all of these labels. */
  public Filter labels(Map<String, String> labels) {
    given(labels.keySet(), "labels");
    return new Filter(message.toBuilder().putAllLabels(labels).build());
  }

  /** With this correlation id. */
  public Filter correlationId(String id) {
    given(id.isEmpty() ? List.of() : List.of(id), "correlationId");
    return new Filter(message.toBuilder().setCorrelationId(id).build());
  }

  /** Registered at this moment or later. */
  public Filter createdAfter(Instant moment) {
    return new Filter(
        message.toBuilder().setCreatedAfter(Times.proto(moment, "createdAfter")).build());
  }

  /** Registered before this moment. */
  public Filter createdBefore(Instant moment) {
    return new Filter(
        message.toBuilder().setCreatedBefore(Times.proto(moment, "createdBefore")).build());
  }

  private static <T> List<T> given(Collection<T> values, String field) {
    if (values.isEmpty()) {
      throw Times.invalid(
          field, "is empty, which would match every task: leave it out to mean that");
    }
    return List.copyOf(values);
  }
}
