package dev.millhand.client;

import dev.millhand.client.errors.InvalidArgumentException;
import dev.millhand.client.errors.InvalidPayloadException;
import dev.millhand.v1.RetryPolicy;
import dev.millhand.v1.TaskSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A task to register: a handler, what it gets, and how it is to be run. What is left out is the
 * handler's default or the server's.
 *
 * <p>It has its id from the start, unless an idempotency key stands in for one: the same object
 * registered again is the same task. Immutable.
 */
public final class NewTask {
  private final TaskSpec spec;

  private NewTask(TaskSpec spec) {
    this.spec = spec;
  }

  /**
   * Returns a task without a payload.
   *
   * @param handler the handler's name
   */
  public static NewTask of(String handler) {
    return builder(handler).build();
  }

  /**
   * Returns a task with a payload.
   *
   * @param handler the handler's name
   * @param payload what it gets: see {@link Payloads}
   * @throws InvalidPayloadException if the payload cannot be sent as it is
   */
  public static NewTask of(String handler, @Nullable Object payload) {
    return builder(handler).payload(payload).build();
  }

  /**
   * Returns a task of a message, which is given an id if it has neither id nor key.
   *
   * @param spec the contract's own message
   */
  public static NewTask of(TaskSpec spec) {
    boolean named = !spec.getId().isEmpty() || !spec.getIdempotencyKey().isEmpty();
    return new NewTask(named ? spec : spec.toBuilder().setId(Ids.newId()).build());
  }

  /**
   * Returns a builder of a task without a payload.
   *
   * @param handler the handler's name
   */
  public static Builder builder(String handler) {
    return new Builder(handler);
  }

  /** Returns the task's id; empty if only an idempotency key names it. */
  public String id() {
    return spec.getId();
  }

  /** Returns the contract's own message. */
  public TaskSpec spec() {
    return spec;
  }

  /** Names the task without its payload, which never goes into logs. */
  @Override
  public String toString() {
    return "NewTask[" + spec.getHandler() + ", id=" + spec.getId() + "]";
  }

  /**
   * Says what a task is to be. A duration of zero means no limit; a negative one is refused with
   * InvalidArgumentException. Not for several threads at once.
   */
  public static final class Builder {
    private final TaskSpec.Builder spec = TaskSpec.newBuilder();

    private Builder(String handler) {
      spec.setHandler(handler);
    }

    /**
     * What the handler gets.
     *
     * @param payload see {@link Payloads}; null is the null of JSON
     * @throws InvalidPayloadException if it cannot be sent as it is
     */
    public Builder payload(@Nullable Object payload) {
      spec.setPayload(Payloads.encode(payload));
      return this;
    }

    /** The id, at most 256 bytes. Left out, one is made, unless there is an idempotency key. */
    public Builder id(String id) {
      spec.setId(id);
      return this;
    }

    /** What people call it, at most 256 bytes. */
    public Builder name(String name) {
      spec.setName(name);
      return this;
    }

    /** What it is for, for people, at most 4 KiB. */
    public Builder description(String description) {
      spec.setDescription(description);
      return this;
    }

    /** From -100 to 100; lower runs first, as with {@code nice}. 0 is normal. */
    public Builder priority(int priority) {
      spec.setPriority(priority);
      return this;
    }

    /** The queue. Left out, {@code default}. */
    public Builder queue(String queue) {
      spec.setQueue(queue);
      return this;
    }

    /** Adds a label; at most 32 of 256 bytes each. */
    public Builder label(String key, String value) {
      spec.putLabels(key, value);
      return this;
    }

    /** Adds labels. */
    public Builder labels(Map<String, String> labels) {
      spec.putAllLabels(labels);
      return this;
    }

    /** How often it is tried again after a failure: 3 means at most 4 attempts. */
    public Builder retries(int retries) {
      spec.setRetries(retries);
      return this;
    }

    /** The delay before the first retry. */
    public Builder retryDelay(Duration delay) {
      spec.setRetryDelay(Times.proto(delay, "retryDelay"));
      return this;
    }

    /** How the delays grow, and what is not tried again. */
    public Builder retryPolicy(RetryPolicy policy) {
      spec.setRetryPolicy(policy);
      return this;
    }

    /** How long one attempt may run; the wire calls it {@code timeout}. */
    public Builder attemptTimeout(Duration timeout) {
      spec.setTimeout(Times.proto(timeout, "attemptTimeout"));
      return this;
    }

    /** How long it may wait for its first start. */
    public Builder startTimeout(Duration timeout) {
      spec.setStartTimeout(Times.proto(timeout, "startTimeout"));
      return this;
    }

    /** How long an attempt may go without a heartbeat. */
    public Builder heartbeatTimeout(Duration timeout) {
      spec.setHeartbeatTimeout(Times.proto(timeout, "heartbeatTimeout"));
      return this;
    }

    /** When the whole task must have ended. */
    public Builder deadline(Instant deadline) {
      spec.setDeadline(Times.proto(deadline, "deadline"));
      return this;
    }

    /** Not before this moment. Replaces a {@link #delay}. */
    public Builder runAt(Instant moment) {
      spec.setRunAt(Times.proto(moment, "runAt"));
      return this;
    }

    /** Not before so much time has passed. Replaces a {@link #runAt}. */
    public Builder delay(Duration delay) {
      spec.setDelay(Times.proto(delay, "delay"));
      return this;
    }

    /**
     * A name of the caller's for this very task: a second registration under it is the same task.
     */
    public Builder idempotencyKey(String key) {
      spec.setIdempotencyKey(key);
      return this;
    }

    /** Tasks of different keys take turns. */
    public Builder fairnessKey(String key) {
      spec.setFairnessKey(key);
      return this;
    }

    /** A name of the caller's for what this task belongs to, to find it by. */
    public Builder correlationId(String id) {
      spec.setCorrelationId(id);
      return this;
    }

    /** The trace this task belongs to, as W3C's {@code traceparent}. */
    public Builder traceparent(String traceparent) {
      spec.setTraceparent(traceparent);
      return this;
    }

    /**
     * Returns the task, and gives it an id if it has neither id nor key. Building twice without an
     * id gives two tasks.
     *
     * @throws InvalidArgumentException if there is no handler's name
     */
    public NewTask build() {
      if (spec.getHandler().isEmpty()) {
        throw Times.invalid("handler", "is empty");
      }
      return NewTask.of(spec.build());
    }
  }
}
