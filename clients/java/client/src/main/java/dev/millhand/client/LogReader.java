package dev.millhand.client;

import dev.millhand.client.errors.CallCancelledException;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.ResultsMissedException;
import dev.millhand.client.errors.UnavailableException;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * An iterator over records of the log that reconnects and goes on from its cursor: each record
 * once, gaps announced.
 *
 * <p>It has begun when it is made: the server has named its place in the log, and no later record
 * is missed. For one thread at a time; {@link #close} and {@link #cursor} are for any. Waiting for
 * a record ends with {@link CallCancelledException} when the thread is interrupted; the reader
 * keeps its place and can be read further, as it can after ResultsMissedException and
 * SlowReaderException.
 *
 * @param <T> the records
 */
public final class LogReader<T> implements Iterator<T>, Iterable<T>, AutoCloseable {
  private final Wire wire;
  private final Function<String, FrameStream<?, Resume.Frame<T>>> open;
  private final Resume<T> resume;
  private final Reconnect reconnect;
  private final Optional<Duration> limit;
  private final long began;
  private volatile @Nullable FrameStream<?, Resume.Frame<T>> stream;
  private volatile String given;
  private volatile boolean closed;
  private @Nullable T ahead;

  private LogReader(
      Wire wire,
      Terms terms,
      Resume<T> resume,
      Function<String, FrameStream<?, Resume.Frame<T>>> open) {
    this.wire = wire;
    this.open = open;
    this.resume = resume;
    this.reconnect = new Reconnect(wire.clock(), terms.patience());
    this.limit = terms.deadline();
    this.began = wire.clock().nanoTime();
    this.given = resume.cursor();
  }

  /**
   * Begins to read.
   *
   * @param request makes the request to go on behind a cursor
   * @param frame reads a frame
   */
  static <Q, R, T> LogReader<T> begin(
      Wire wire,
      Terms terms,
      Resume<T> resume,
      MethodDescriptor<Q, R> method,
      Function<String, Q> request,
      Function<R, Resume.Frame<T>> frame) {
    LogReader<T> reader =
        new LogReader<>(
            wire,
            terms,
            resume,
            after -> FrameStream.open(wire, method, request.apply(after), frame));
    reader.await();
    return reader;
  }

  /**
   * Returns the cursor up to which everything was given by {@link #next}: keep it to go on from
   * here in another process.
   */
  public String cursor() {
    return given;
  }

  /**
   * Waits for the next record; false at the end.
   *
   * @throws MillhandException if reading cannot go on, or was tried for long enough
   */
  @Override
  public boolean hasNext() {
    while (ahead == null && !closed && !resume.isDone()) {
      step();
    }
    if (ahead == null) {
      hangUp();
    }
    return ahead != null;
  }

  /**
   * Waits for the next record and returns it.
   *
   * @throws NoSuchElementException at the end
   * @throws MillhandException as {@link #hasNext}
   */
  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the end of the log, or of what was asked for");
    }
    T record = ahead;
    if (record == null) {
      throw new IllegalStateException("two threads read");
    }
    ahead = null;
    given = resume.cursor();
    return record;
  }

  /** Returns itself: what was given once is not given again. */
  @Override
  public Iterator<T> iterator() {
    return this;
  }

  /** Returns the records that are still to come; closing the stream closes this. */
  public Stream<T> stream() {
    Spliterator<T> records =
        Spliterators.spliteratorUnknownSize(this, Spliterator.ORDERED | Spliterator.NONNULL);
    return StreamSupport.stream(records, false).onClose(this::close);
  }

  /** Ends the iteration and the stream below it; a reader that waits is told that it has ended. */
  @Override
  public void close() {
    closed = true;
    hangUp();
  }

  /** Waits for the first frame, which names the place in the log. */
  private void await() {
    String asked = resume.cursor();
    boolean begun = false;
    while (!begun && !closed) {
      begun = step();
    }
    if (ahead != null) {
      given = asked;
    }
  }

  /** Takes one frame in, or waits before the next try; returns whether a frame came. */
  private boolean step() {
    try {
      read();
      return true;
    } catch (ResultsMissedException missed) {
      given = resume.cursor();
      throw missed;
    } catch (InterruptedException interrupt) {
      hangUp();
      throw Futures.interrupted(interrupt);
    } catch (MillhandException error) {
      hangUp();
      if (!closed) {
        pause(withinDeadline(reconnect.delayAfter(error), error));
      }
      return false;
    }
  }

  private void read() throws InterruptedException {
    FrameStream<?, Resume.Frame<T>> current = stream;
    if (current == null) {
      current = open.apply(resume.cursor());
      stream = current;
      if (closed) {
        current.cancel();
      }
    }
    Optional<Resume.Frame<T>> frame = current.read(left());
    if (frame.isEmpty()) {
      throw new UnavailableException(
          ErrorDetails.of(Status.Code.UNAVAILABLE, "", "the stream ended without saying why"));
    }
    reconnect.progressed();
    ahead = resume.receive(frame.get()).orElse(null);
    if (ahead == null) {
      given = resume.cursor();
    }
  }

  private Optional<Duration> left() {
    return limit.map(one -> one.minusNanos(wire.clock().nanoTime() - began));
  }

  private Duration withinDeadline(Duration delay, MillhandException error) {
    if (left().filter(one -> one.compareTo(delay) <= 0).isPresent()) {
      throw error;
    }
    return delay;
  }

  private void pause(Duration delay) {
    try {
      wire.clock().pause(delay).get();
    } catch (InterruptedException interrupt) {
      throw Futures.interrupted(interrupt);
    } catch (ExecutionException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private void hangUp() {
    FrameStream<?, Resume.Frame<T>> current = stream;
    stream = null;
    if (current != null) {
      current.cancel();
    }
  }
}
