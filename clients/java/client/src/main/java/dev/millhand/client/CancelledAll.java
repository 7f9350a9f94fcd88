package dev.millhand.client;

import dev.millhand.v1.CancelCount;
import dev.millhand.v1.CancelOutcome;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What a cancel of many came to.
 *
 * @param counts how many tasks met which outcome; what none met is left out
 * @param stillRunningIds tasks that still ran when the wait was over, at most 1,000
 */
public record CancelledAll(Map<CancelOutcome, Integer> counts, List<String> stillRunningIds) {

  static CancelledAll of(List<CancelCount> counts, List<String> stillRunningIds) {
    Map<CancelOutcome, Integer> byOutcome = new EnumMap<>(CancelOutcome.class);
    counts.forEach(one -> byOutcome.merge(one.getOutcome(), one.getCount(), Integer::sum));
    return new CancelledAll(Map.copyOf(byOutcome), List.copyOf(stillRunningIds));
  }
}
