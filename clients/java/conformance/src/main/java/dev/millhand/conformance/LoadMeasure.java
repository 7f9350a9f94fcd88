package dev.millhand.conformance;

import dev.millhand.client.ExecuteOptions;
import dev.millhand.client.LogRecord;
import dev.millhand.client.MillhandClient;
import dev.millhand.client.NewTask;
import dev.millhand.client.Result;
import dev.millhand.client.Session;
import dev.millhand.client.SubscribeOptions;
import dev.millhand.conformance.v1.Load;
import dev.millhand.conformance.v1.Rate;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;

/** Measures how many tasks a second go through one connection. */
final class LoadMeasure {
  private final MillhandClient client;
  private final Load load;
  private final long began = System.nanoTime();

  LoadMeasure(MillhandClient client, Load load) {
    this.client = client;
    this.load = load;
  }

  Rate measure() {
    try {
      long count = load.getBatch() == 0 ? unary() : session();
      return Rate.newBuilder().setTasks(count).setSeconds(secondsSince(began)).build();
    } catch (InterruptedException interrupt) {
      throw new AssertionError("measuring was interrupted", interrupt);
    }
  }

  private long unary() {
    List<CompletableFuture<Long>> callers = new ArrayList<>();
    for (int caller = 0; caller < load.getInFlight(); caller++) {
      CompletableFuture<Long> count = new CompletableFuture<>();
      callers.add(count);
      next(count, 0);
    }
    return callers.stream().mapToLong(CompletableFuture::join).sum();
  }

  private void next(CompletableFuture<Long> counted, long count) {
    if (isOver()) {
      counted.complete(count);
      return;
    }
    client
        .async()
        .executeTask(NewTask.of("echo", "x"), ExecuteOptions.defaults())
        .whenComplete(
            (result, error) -> {
              if (error != null) {
                counted.completeExceptionally(error);
              } else if (!"x".equals(result.output())) {
                counted.completeExceptionally(new AssertionError("not the output"));
              } else {
                next(counted, count + 1);
              }
            });
  }

  private long session() throws InterruptedException {
    try (Session session = client.session()) {
      session.subscribe(SubscribeOptions.own());
      Semaphore room = new Semaphore(load.getInFlight());
      CompletableFuture<Long> read = CompletableFuture.supplyAsync(() -> read(session, room));
      long sent = 0;
      while (!isOver()) {
        room.acquire(load.getBatch());
        List<NewTask> batch =
            IntStream.range(0, load.getBatch()).mapToObj(one -> NewTask.of("echo", "x")).toList();
        session.registerAllAsync(batch);
        sent += batch.size();
      }
      session.finish();
      if (read.join() != sent) {
        throw new AssertionError(read.join() + " results of " + sent + " tasks");
      }
      return sent;
    }
  }

  private static long read(Session session, Semaphore room) {
    long count = 0;
    for (LogRecord record : session.results()) {
      if (!(record instanceof Result result) || !"x".equals(result.output())) {
        throw new AssertionError("not a result of echo: " + record);
      }
      count++;
      room.release();
    }
    return count;
  }

  private boolean isOver() {
    return System.nanoTime() - began >= Translation.duration(load.getDuration()).toNanos();
  }

  private static double secondsSince(long moment) {
    return (System.nanoTime() - moment) / 1e9;
  }
}
