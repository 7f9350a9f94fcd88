package dev.millhand.client;

import java.util.OptionalLong;

/**
 * Results that cannot be given any more: trimmed, or of a log that was replaced.
 *
 * @param message the contract's own
 */
public record Gap(dev.millhand.v1.Gap message) implements LogRecord, CancelledRecord {

  /** Returns how many are missing, filtered ones included; empty if nobody knows. */
  public OptionalLong missed() {
    return message.hasMissed() ? OptionalLong.of(message.getMissed()) : OptionalLong.empty();
  }

  /** Returns whether the cursor was of another log: its store was replaced, or was in memory. */
  public boolean logReplaced() {
    return message.getLogReplaced();
  }

  /** Returns where reading goes on. */
  public String cursor() {
    return message.getToCursor();
  }
}
