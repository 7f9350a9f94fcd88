package dev.millhand.client;

import dev.millhand.v1.CancelOutcome;
import dev.millhand.v1.Task;

/**
 * What a cancel came to.
 *
 * @param outcome the fact; UNRECOGNIZED if it is newer than this client
 * @param task the task after it, without its payload
 */
public record CancelAnswer(CancelOutcome outcome, Task task) {}
