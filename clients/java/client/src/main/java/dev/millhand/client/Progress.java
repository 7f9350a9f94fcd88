package dev.millhand.client;

import dev.millhand.v1.ProgressUpdate;
import java.time.Instant;

/**
 * How far an attempt is: the latest word of its handler. Never comes after its task's result.
 *
 * @param taskId the task
 * @param attempt the attempt that reported it
 * @param fraction how far it is, from 0 to 1
 * @param message the same for people; may be empty
 * @param updateTime when it was said
 */
public record Progress(
    String taskId, int attempt, double fraction, String message, Instant updateTime)
    implements LogRecord {

  static Progress of(ProgressUpdate update) {
    dev.millhand.v1.Progress latest = update.getProgress();
    return new Progress(
        update.getTaskId(),
        update.getAttempt(),
        latest.getFraction(),
        latest.getMessage(),
        Times.instant(latest.getUpdateTime()));
  }
}
