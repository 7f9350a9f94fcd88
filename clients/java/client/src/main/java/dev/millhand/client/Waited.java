package dev.millhand.client;

import dev.millhand.v1.StatusCount;
import dev.millhand.v1.TaskStatus;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What a wait came to.
 *
 * @param done whether no matching task was unfinished, at one instant
 * @param counts how many tasks have which status; what none has is left out
 */
public record Waited(boolean done, Map<TaskStatus, Integer> counts) {

  static Waited of(boolean done, List<StatusCount> counts) {
    Map<TaskStatus, Integer> byStatus = new EnumMap<>(TaskStatus.class);
    counts.forEach(one -> byStatus.merge(one.getStatus(), one.getCount(), Integer::sum));
    return new Waited(done, Map.copyOf(byStatus));
  }
}
