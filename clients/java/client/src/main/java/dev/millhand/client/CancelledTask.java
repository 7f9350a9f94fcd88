package dev.millhand.client;

import dev.millhand.v1.Task;

/**
 * A task that became CANCELLED.
 *
 * @param task the task, without its payload
 * @param cursor its place in the log
 */
public record CancelledTask(Task task, String cursor) implements CancelledRecord {}
