package dev.millhand.client;

import dev.millhand.v1.Task;
import java.util.List;

/**
 * A page of a listing.
 *
 * @param tasks the tasks, in the order asked for
 * @param nextToken where the next page starts; empty on the last one
 */
public record TaskPage(List<Task> tasks, String nextToken) {}
