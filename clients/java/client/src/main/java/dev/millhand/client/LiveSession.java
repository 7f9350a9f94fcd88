package dev.millhand.client;

import dev.millhand.client.errors.ClientClosedException;
import dev.millhand.client.errors.DeadlineExceededException;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.UnavailableException;
import dev.millhand.v1.SessionRequest;
import dev.millhand.v1.SessionResponse;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A session as it is lived: keeps a stream open until the session is over, and lets callers ask and
 * read beside it. Thread-safe. Futures are completed outside the lock.
 */
final class LiveSession implements SessionStream.Listener {
  /**
   * Requests without an answer at which no more are taken, so that a dead server fills no memory.
   */
  static final int MAX_PENDING = 64;

  private final Wire wire;
  private final SessionState state;
  private final Reconnect reconnect;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Map<String, CompletableFuture<SessionResponse>> waiting = new LinkedHashMap<>();
  private @Nullable SessionStream stream;
  private @Nullable MillhandException failure;
  private boolean over = false;
  private boolean cancelled = false;

  LiveSession(Wire wire, Terms terms, String id) {
    this.wire = wire;
    this.state = new SessionState(id, terms.name());
    this.reconnect = new Reconnect(wire.clock(), terms.patience());
  }

  /** Opens the first stream. */
  void begin() {
    lock.lock();
    try {
      openStream();
    } finally {
      lock.unlock();
    }
  }

  String id() {
    return state.id();
  }

  String cursor() {
    lock.lock();
    try {
      return state.cursor();
    } finally {
      lock.unlock();
    }
  }

  /** Sends a request as soon as fewer than {@link #MAX_PENDING} have no answer. */
  CompletableFuture<SessionResponse> send(
      SessionRequest.Builder kind, Optional<Duration> patience) {
    lock.lock();
    try {
      if (!await(() -> over || state.pending() < MAX_PENDING, patience)) {
        throw late(MAX_PENDING + " requests have no answer yet");
      }
      if (over) {
        throw lost("the session is over");
      }
      SessionRequest request = state.request(kind);
      CompletableFuture<SessionResponse> answer = new CompletableFuture<>();
      waiting.put(request.getRequestId(), answer);
      SessionStream current = stream;
      if (current != null) {
        current.send(request);
      }
      return answer;
    } finally {
      lock.unlock();
    }
  }

  /** Waits for the next record; empty at the end of the session. */
  Optional<LogRecord> nextRecord() {
    lock.lock();
    try {
      await(() -> over || state.hasUnread(), Optional.empty());
      Optional<LogRecord> record = state.nextRecord();
      Optional<SessionRequest> credit = state.creditDue();
      SessionStream current = stream;
      if (credit.isPresent() && current != null) {
        current.send(credit.get());
      }
      feed();
      MillhandException broken = failure;
      if (record.isEmpty() && broken != null) {
        throw broken;
      }
      return record;
    } finally {
      lock.unlock();
    }
  }

  void finish() {
    lock.lock();
    try {
      SessionStream current = stream;
      if (!state.isFinished()) {
        state.finish();
        if (current != null) {
          current.finish();
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until every request has its answer, or patience ends; whether it has. */
  boolean awaitAnswers(Optional<Duration> patience) {
    lock.lock();
    try {
      return await(() -> over || state.pending() == 0, patience);
    } finally {
      lock.unlock();
    }
  }

  /** Hangs up for good. */
  void cancel() {
    lock.lock();
    try {
      cancelled = true;
    } finally {
      lock.unlock();
    }
    end(null);
  }

  @Override
  public void received(SessionStream from, SessionResponse response) {
    try {
      take(from, response).ifPresent(Runnable::run);
    } catch (MillhandException error) {
      broken(error);
    }
  }

  @Override
  public void ended(SessionStream from, Optional<MillhandException> error) {
    lock.lock();
    try {
      if (from != stream) {
        return;
      }
      stream = null;
      if (error.isEmpty() && state.isStarved()) {
        feed();
        return;
      }
    } finally {
      lock.unlock();
    }
    if (state.isDone()) {
      end(null);
    } else {
      broken(error.orElseGet(LiveSession::noGoodbye));
    }
  }

  /** Takes a response in; returns what is to be done outside the lock. */
  private Optional<Runnable> take(SessionStream from, SessionResponse response) {
    lock.lock();
    try {
      if (from != stream) {
        return Optional.empty();
      }
      reconnect.progressed();
      Optional<SessionState.Answer> answer = state.receive(response);
      changed.signalAll();
      return answer.flatMap(
          one -> Optional.ofNullable(waiting.remove(one.requestId())).map(to -> telling(one, to)));
    } finally {
      lock.unlock();
    }
  }

  private static Runnable telling(
      SessionState.Answer answer, CompletableFuture<SessionResponse> future) {
    return () -> {
      answer.response().ifPresent(future::complete);
      answer.error().ifPresent(future::completeExceptionally);
    };
  }

  /** Opens another stream where one broke, after a pause, if that makes sense. */
  private void broken(MillhandException error) {
    try {
      delayAfter(error).ifPresent(delay -> wire.clock().pause(delay).thenRunAsync(this::reopen));
    } catch (MillhandException last) {
      end(last);
    }
  }

  private Optional<Duration> delayAfter(MillhandException error) {
    lock.lock();
    try {
      hangUp();
      return cancelled || over ? Optional.empty() : Optional.of(reconnect.delayAfter(error));
    } finally {
      lock.unlock();
    }
  }

  private void reopen() {
    try {
      lock.lock();
      try {
        if (!over) {
          openStream();
        }
      } finally {
        lock.unlock();
      }
    } catch (MillhandException refusal) {
      end(refusal);
    }
  }

  /** Brings a starved session new credit, once what the old one bought has been read. */
  private void feed() {
    if (stream == null && state.isStarved() && !state.hasUnread() && !over) {
      openStream();
    }
  }

  private void openStream() {
    SessionStream opened = SessionStream.open(wire, state.opening(), this);
    stream = opened;
    if (state.isFinished()) {
      opened.finish();
    }
  }

  private void hangUp() {
    SessionStream current = stream;
    stream = null;
    if (current != null) {
      current.cancel();
    }
  }

  private void end(@Nullable MillhandException why) {
    List<CompletableFuture<SessionResponse>> unanswered;
    lock.lock();
    try {
      if (over) {
        return;
      }
      over = true;
      failure = why;
      hangUp();
      unanswered = new ArrayList<>(waiting.values());
      waiting.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    MillhandException lost = lost("the session ended before this was answered");
    unanswered.forEach(one -> one.completeExceptionally(lost));
  }

  private static UnavailableException noGoodbye() {
    return new UnavailableException(
        ErrorDetails.of(
            Status.Code.UNAVAILABLE, "", "the session's stream ended without a goodbye"));
  }

  private MillhandException lost(String sentence) {
    MillhandException why = failure;
    return why != null
        ? why
        : new ClientClosedException(ErrorDetails.of(Status.Code.CANCELLED, "", sentence));
  }

  private boolean await(BooleanSupplier condition, Optional<Duration> patience) {
    long end = patience.map(one -> System.nanoTime() + one.toNanos()).orElse(0L);
    try {
      while (!condition.getAsBoolean()) {
        if (patience.isEmpty()) {
          changed.await();
        } else if (!changed.await(end - System.nanoTime(), TimeUnit.NANOSECONDS)
            && System.nanoTime() >= end) {
          return condition.getAsBoolean();
        }
      }
      return true;
    } catch (InterruptedException interrupt) {
      throw Futures.interrupted(interrupt);
    }
  }

  static DeadlineExceededException late(String sentence) {
    return new DeadlineExceededException(
        ErrorDetails.of(Status.Code.DEADLINE_EXCEEDED, "", sentence));
  }
}
