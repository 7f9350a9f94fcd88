package dev.millhand.client;

import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.QueueFullException;
import dev.millhand.v1.TaskSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Registers a batch, and again what a full queue refused of it. Whatever a batch of several gets as
 * an answer each, in order.
 */
final class Registration {
  private final Function<List<TaskSpec>, CompletableFuture<List<Registered>>> send;
  private final FullQueue patience;
  private final Clock clock;
  private final List<TaskSpec> specs;
  private final List<Registered> answers = new ArrayList<>();

  /** Which of {@link #specs} are to be sent. */
  private List<Integer> open = new ArrayList<>();

  private Registration(
      Function<List<TaskSpec>, CompletableFuture<List<Registered>>> send,
      List<TaskSpec> specs,
      Optional<Duration> retryWhenFull,
      Clock clock) {
    this.send = send;
    this.specs = specs;
    this.patience = new FullQueue(clock, retryWhenFull);
    this.clock = clock;
    for (int index = 0; index < specs.size(); index++) {
      open.add(index);
    }
  }

  static CompletableFuture<List<Registered>> begin(
      Function<List<TaskSpec>, CompletableFuture<List<Registered>>> send,
      List<TaskSpec> specs,
      Optional<Duration> retryWhenFull,
      Clock clock) {
    Registration registration = new Registration(send, specs, retryWhenFull, clock);
    return Attempts.begin(registration::attempt, registration.patience, clock);
  }

  /** One round; fails with QueueFull if another is to follow. */
  private CompletableFuture<List<Registered>> attempt() {
    List<Integer> sent = open;
    return Futures.map(
        send.apply(sent.stream().map(specs::get).toList()), given -> taken(sent, given));
  }

  private List<Registered> taken(List<Integer> sent, List<Registered> given) {
    if (answers.isEmpty()) {
      answers.addAll(given);
    }
    List<Integer> refused = new ArrayList<>();
    Optional<MillhandException> longest = Optional.empty();
    for (int index = 0; index < given.size(); index++) {
      Registered one = given.get(index);
      answers.set(sent.get(index), one);
      if (one.error().orElse(null) instanceof QueueFullException full) {
        refused.add(sent.get(index));
        longest = Optional.of(full);
      }
    }
    if (longest.isPresent() && isPatient(longest.get())) {
      open = refused;
      throw longest.get();
    }
    return List.copyOf(answers);
  }

  /** Without patience the refusals are the answers, and nothing is thrown. */
  private boolean isPatient(MillhandException full) {
    try {
      patience.delayAfter(MillhandErrors.of(full));
      return true;
    } catch (MillhandException impatient) {
      return false;
    }
  }
}
