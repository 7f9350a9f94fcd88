package dev.millhand.conformance;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.ToNumberPolicy;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import dev.millhand.client.Blob;
import dev.millhand.client.ExecuteOptions;
import dev.millhand.client.Filter;
import dev.millhand.client.NewTask;
import dev.millhand.conformance.v1.Task;
import dev.millhand.conformance.v1.Value;
import dev.millhand.v1.TaskFilter;
import dev.millhand.v1.TaskSpec;
import dev.millhand.v1.TaskStatus;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** What a case says of values, tasks and filters, in the client's own terms; and values back. */
final class Translation {
  private static final Gson JSON =
      new GsonBuilder()
          .serializeNulls()
          .disableHtmlEscaping()
          .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
          .create();

  private static final List<Message> KNOWN =
      List.of(
          com.google.protobuf.Duration.getDefaultInstance(),
          Timestamp.getDefaultInstance(),
          TaskFilter.getDefaultInstance());

  private static final Map<String, Double> NOT_NUMBERS =
      Map.of("nan", Double.NaN, "inf", Double.POSITIVE_INFINITY, "-inf", Double.NEGATIVE_INFINITY);

  private Translation() {}

  static NewTask task(Task task) {
    TaskSpec spec = task.getSpec();
    NewTask.Builder builder = NewTask.builder(spec.getHandler());
    payload(builder, task);
    text(spec.getId(), builder::id);
    text(spec.getName(), builder::name);
    text(spec.getDescription(), builder::description);
    text(spec.getQueue(), builder::queue);
    text(spec.getIdempotencyKey(), builder::idempotencyKey);
    text(spec.getFairnessKey(), builder::fairnessKey);
    text(spec.getCorrelationId(), builder::correlationId);
    text(spec.getTraceparent(), builder::traceparent);
    builder.priority(spec.getPriority()).labels(spec.getLabelsMap());
    if (spec.hasRetries()) {
      builder.retries(spec.getRetries());
    }
    if (spec.hasRetryPolicy()) {
      builder.retryPolicy(spec.getRetryPolicy());
    }
    times(builder, spec);
    return builder.build();
  }

  static List<NewTask> tasks(List<Task> tasks) {
    return tasks.stream().map(Translation::task).toList();
  }

  static Filter filter(TaskFilter message) {
    Filter filter = Filter.all();
    if (message.getIdsCount() > 0) {
      filter = filter.ids(message.getIdsList());
    }
    if (message.getHandlersCount() > 0) {
      filter = filter.handlers(message.getHandlersList().toArray(String[]::new));
    }
    if (message.getQueuesCount() > 0) {
      filter = filter.queues(message.getQueuesList().toArray(String[]::new));
    }
    if (message.getStatusesCount() > 0) {
      filter = filter.statuses(message.getStatusesList().toArray(TaskStatus[]::new));
    }
    if (message.getLabelsCount() > 0) {
      filter = filter.labels(message.getLabelsMap());
    }
    if (!message.getCorrelationId().isEmpty()) {
      filter = filter.correlationId(message.getCorrelationId());
    }
    if (message.hasCreatedAfter()) {
      filter = filter.createdAfter(instant(message.getCreatedAfter()));
    }
    return message.hasCreatedBefore()
        ? filter.createdBefore(instant(message.getCreatedBefore()))
        : filter;
  }

  static ExecuteOptions waiting(
      boolean limited, com.google.protobuf.Duration timeout, boolean cancelOnTimeout) {
    ExecuteOptions options = ExecuteOptions.defaults();
    if (limited) {
      options = options.timeout(duration(timeout));
    }
    return cancelOnTimeout ? options.cancelOnTimeout() : options;
  }

  static Value value(Object output) {
    if (output instanceof byte[] bytes) {
      return value(Blob.of(bytes, ""));
    }
    if (output instanceof Blob blob) {
      return Value.newBuilder()
          .setBlob(
              dev.millhand.conformance.v1.Blob.newBuilder()
                  .setData(blob.data())
                  .setContentType(blob.contentType()))
          .build();
    }
    if (output instanceof Any any) {
      return Value.newBuilder().setMessage(any).build();
    }
    return Value.newBuilder().setJson(JSON.toJson(output)).build();
  }

  static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }

  private static Instant instant(Timestamp moment) {
    return Instant.ofEpochSecond(moment.getSeconds(), moment.getNanos());
  }

  private static void payload(NewTask.Builder builder, Task task) {
    if (!task.getInteger().isEmpty()) {
      builder.payload(new BigInteger(task.getInteger()));
    } else if (!task.getNotANumber().isEmpty()) {
      builder.payload(NOT_NUMBERS.get(task.getNotANumber()));
    } else {
      switch (task.getPayload().getKindCase()) {
        case JSON -> builder.payload(JSON.fromJson(task.getPayload().getJson(), Object.class));
        case BLOB -> builder.payload(natural(task.getPayload().getBlob()));
        case MESSAGE -> builder.payload(unpacked(task.getPayload().getMessage()));
        case KIND_NOT_SET -> {
          // No payload at all.
        }
      }
    }
  }

  private static Object natural(dev.millhand.conformance.v1.Blob blob) {
    return blob.getContentType().isEmpty()
        ? blob.getData().toByteArray()
        : new Blob(blob.getData(), blob.getContentType());
  }

  private static Message unpacked(Any any) {
    try {
      for (Message known : KNOWN) {
        if (any.is(known.getClass())) {
          return any.unpack(known.getClass());
        }
      }
      return any;
    } catch (InvalidProtocolBufferException mangled) {
      throw new IllegalStateException("the case has a message that is none", mangled);
    }
  }

  private static void times(NewTask.Builder builder, TaskSpec spec) {
    if (spec.hasRetryDelay()) {
      builder.retryDelay(duration(spec.getRetryDelay()));
    }
    if (spec.hasTimeout()) {
      builder.attemptTimeout(duration(spec.getTimeout()));
    }
    if (spec.hasStartTimeout()) {
      builder.startTimeout(duration(spec.getStartTimeout()));
    }
    if (spec.hasHeartbeatTimeout()) {
      builder.heartbeatTimeout(duration(spec.getHeartbeatTimeout()));
    }
    if (spec.hasDeadline()) {
      builder.deadline(instant(spec.getDeadline()));
    }
    if (spec.hasRunAt()) {
      builder.runAt(instant(spec.getRunAt()));
    }
    if (spec.hasDelay()) {
      builder.delay(duration(spec.getDelay()));
    }
  }

  private static void text(String text, Consumer<String> option) {
    if (!text.isEmpty()) {
      option.accept(text);
    }
  }
}
