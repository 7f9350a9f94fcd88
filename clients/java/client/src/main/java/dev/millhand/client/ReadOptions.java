package dev.millhand.client;

import dev.millhand.client.errors.ResultsMissedException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * From where to read the log, how far, and of which tasks. Immutable: each method returns other
 * options.
 */
public final class ReadOptions {
  private static final ReadOptions DEFAULTS =
      new ReadOptions(Filter.all(), "", true, false, false, false, true, null);

  final Filter filter;
  final String after;
  final boolean follow;
  final boolean untilDone;
  final boolean progress;
  final boolean full;
  final boolean outlivesShutdown;
  final @Nullable Consumer<Gap> onGap;

  private ReadOptions(
      Filter filter,
      String after,
      boolean follow,
      boolean untilDone,
      boolean progress,
      boolean full,
      boolean outlivesShutdown,
      @Nullable Consumer<Gap> onGap) {
    this.filter = filter;
    this.after = after;
    this.follow = follow;
    this.untilDone = untilDone;
    this.progress = progress;
    this.full = full;
    this.outlivesShutdown = outlivesShutdown;
    this.onGap = onGap;
  }

  /** Returns the options to follow everybody's results from now on. */
  public static ReadOptions defaults() {
    return DEFAULTS;
  }

  /** Only of these tasks. With ids, what is retained of them comes, too. */
  public ReadOptions filter(Filter filter) {
    return new ReadOptions(
        filter, after, follow, untilDone, progress, full, outlivesShutdown, onGap);
  }

  /** Goes on behind this cursor; {@code "0"} is the oldest result that is retained. */
  public ReadOptions after(String cursor) {
    return new ReadOptions(
        filter, cursor, follow, untilDone, progress, full, outlivesShutdown, onGap);
  }

  /** Ends when all that is retained has been given. Without a cursor it begins at the oldest. */
  public ReadOptions retainedOnly() {
    return new ReadOptions(
        filter, after, false, untilDone, progress, full, outlivesShutdown, onGap);
  }

  /** Ends when every task of the filter's ids, which must be given, has ended. */
  public ReadOptions untilDone() {
    return new ReadOptions(filter, after, true, true, progress, full, outlivesShutdown, onGap);
  }

  /** Gives {@link Progress}, too. */
  public ReadOptions withProgress() {
    return new ReadOptions(filter, after, follow, untilDone, true, full, outlivesShutdown, onGap);
  }

  /** With the payloads of the results' tasks. */
  public ReadOptions withPayloads() {
    return new ReadOptions(
        filter, after, follow, untilDone, progress, true, outlivesShutdown, onGap);
  }

  /** Ends when the server shuts down, where it would otherwise reconnect. */
  public ReadOptions untilShutdown() {
    return new ReadOptions(filter, after, follow, untilDone, progress, full, false, onGap);
  }

  /** Gives no {@link Gap}: calls this in its place, in the reader's thread. */
  public ReadOptions onGap(Consumer<Gap> onGap) {
    return new ReadOptions(
        filter, after, follow, untilDone, progress, full, outlivesShutdown, onGap);
  }

  /** Gives no {@link Gap}: throws {@link ResultsMissedException} in its place. */
  public ReadOptions throwOnGap() {
    return onGap(
        gap -> {
          throw Resume.missed(gap);
        });
  }
}
