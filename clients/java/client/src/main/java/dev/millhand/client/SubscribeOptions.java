package dev.millhand.client;

import dev.millhand.v1.SessionSubscribe;
import dev.millhand.v1.SubscribeScope;
import dev.millhand.v1.TaskView;

/** Which results a session gets. Immutable: each method returns other options. */
public final class SubscribeOptions {
  private static final SubscribeOptions OWN =
      new SubscribeOptions(
          SessionSubscribe.newBuilder()
              .setScope(SubscribeScope.SUBSCRIBE_SCOPE_OWN)
              .setView(TaskView.TASK_VIEW_BASIC)
              .build());

  private final SessionSubscribe message;

  private SubscribeOptions(SessionSubscribe message) {
    this.message = message;
  }

  /**
   * Returns the options to get the results of the session's own tasks: those registered under its
   * id, also before a reconnect.
   */
  public static SubscribeOptions own() {
    return OWN;
  }

  /** Returns the options to get the results of all tasks, whoever registered them. */
  public static SubscribeOptions everyone() {
    return new SubscribeOptions(
        OWN.message.toBuilder().setScope(SubscribeScope.SUBSCRIBE_SCOPE_FILTER).build());
  }

  /** Only of these tasks. */
  public SubscribeOptions filter(Filter filter) {
    return new SubscribeOptions(message.toBuilder().setFilter(filter.message()).build());
  }

  /**
   * Goes on behind this cursor. Left out, it is all that is retained for own tasks and for ids,
   * else from now on.
   */
  public SubscribeOptions after(String cursor) {
    return new SubscribeOptions(message.toBuilder().setAfter(cursor).build());
  }

  /** Gives {@link Progress}, too. */
  public SubscribeOptions withProgress() {
    return new SubscribeOptions(message.toBuilder().setIncludeProgress(true).build());
  }

  /** With the payloads of the results' tasks. */
  public SubscribeOptions withPayloads() {
    return new SubscribeOptions(message.toBuilder().setView(TaskView.TASK_VIEW_FULL).build());
  }

  SessionSubscribe message() {
    return message;
  }
}
