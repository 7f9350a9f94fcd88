package dev.millhand.conformance;

import com.google.protobuf.ByteString;
import dev.millhand.client.ClientBuilder;
import dev.millhand.client.MillhandClient;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.conformance.v1.Case;
import dev.millhand.conformance.v1.Connection;
import dev.millhand.conformance.v1.Seen;
import dev.millhand.conformance.v1.Step;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** Plays one case: a step is one use of the client, and what it shows is seen. */
final class Player {
  private final Case played;
  private final Consumer<Seen> show;
  private final Map<String, Integer> seen = new HashMap<>();
  private final Map<String, String> cursors = new HashMap<>();
  private final Set<String> goneOn = new HashSet<>();
  private final Map<String, Thread> background = new HashMap<>();
  private final Map<String, Throwable> faults = new HashMap<>();

  Player(Case played, Consumer<Seen> show) {
    this.played = played;
    this.show = show;
  }

  /** Takes all steps, and waits for those in the background. */
  void play() throws InterruptedException {
    try (MillhandClient client = client(played.getConnection())) {
      for (Step step : played.getStepsList()) {
        await(() -> mayBegin(step));
        Thread taking = new Thread(() -> take(client, step), step.getName());
        background.put(step.getName(), taking);
        taking.start();
        if (!step.getBackground()) {
          taking.join();
        }
      }
      for (Thread taking : background.values()) {
        taking.join();
      }
    }
    faults.forEach(
        (step, fault) -> {
          throw new AssertionError(step + ": " + fault, fault);
        });
  }

  /** Tells the runner what a step has shown. */
  synchronized void show(Step step, UnaryOperator<Seen.Builder> what) {
    Seen shown = what.apply(Seen.newBuilder().setStep(step.getName())).build();
    String cursor = cursorIn(shown);
    if (!cursor.isEmpty()) {
      cursors.put(step.getName(), cursor);
    }
    seen.merge(step.getName(), 1, Integer::sum);
    show.accept(shown);
    notifyAll();
  }

  /** Tells the runner that it has come here, and waits for its word. */
  void pause(Step step, String name) throws InterruptedException {
    show(step, seen -> seen.setPaused(name));
    await(() -> goneOn.contains(name));
  }

  synchronized void goOn(String pause) {
    goneOn.add(pause);
    notifyAll();
  }

  /** Cancels a background step, the way Java has it. */
  void cancel(String step) {
    background.get(step).interrupt();
  }

  /** The cursor that a case means. */
  synchronized String after(String after) {
    return after.startsWith("$") ? cursors.getOrDefault(after.substring(1), "") : after;
  }

  private void take(MillhandClient client, Step step) {
    MillhandClient limited =
        step.hasDeadline() ? client.withDeadline(Translation.duration(step.getDeadline())) : client;
    try {
      new Calls(this, limited, step).take();
    } catch (MillhandException | IllegalArgumentException error) {
      show(step, seen -> seen.setFailure(Showing.failure(error)));
    } catch (InterruptedException cancelled) {
      show(step, seen -> seen.setFailure(Showing.failure(cancelled)));
    } catch (Exception | AssertionError fault) {
      synchronized (this) {
        faults.put(step.getName(), fault);
      }
    }
  }

  private synchronized void await(BooleanSupplier condition) throws InterruptedException {
    while (!condition.getAsBoolean()) {
      wait();
    }
  }

  private boolean mayBegin(Step step) {
    String after = step.getAfterStep();
    return after.isEmpty() || seen.getOrDefault(after, 0) >= Math.max(1, step.getAfterCount());
  }

  private static String cursorIn(Seen seen) {
    return switch (seen.getWhatCase()) {
      case ENDED -> seen.getEnded().getCursor();
      case RESULT -> seen.getResult().getCursor();
      case GAP -> seen.getGap().getToCursor();
      case BEGUN -> seen.getBegun().getCursor();
      case PAGE -> seen.getPage().getNextCursor();
      case CANCELLED_TASK -> seen.getCancelledTask().getCursor();
      default -> "";
    };
  }

  private static MillhandClient client(Connection connection) {
    ClientBuilder builder = MillhandClient.builder(connection.getAddress());
    ByteString authority = connection.getCaPem();
    if (!authority.isEmpty()) {
      builder.tlsAuthority(authority.toByteArray());
    }
    if (!connection.getCertificatePem().isEmpty()) {
      builder.tlsIdentity(
          connection.getCertificatePem().toByteArray(), connection.getKeyPem().toByteArray());
    }
    if (!connection.getToken().isEmpty()) {
      builder.token(connection.getToken());
    }
    return (connection.getInsecureToken() ? builder.insecureToken() : builder).build();
  }
}
