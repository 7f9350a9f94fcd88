package dev.millhand.client;

import dev.millhand.v1.GetResultsResponse;
import java.util.List;
import java.util.Optional;

/**
 * A page of the log.
 *
 * @param results in log order; empty when there is nothing later for now
 * @param nextCursor where to ask next; never empty
 * @param gap results that are missing before this page; empty if none are
 */
public record ResultsPage(List<Result> results, String nextCursor, Optional<Gap> gap) {

  static ResultsPage of(GetResultsResponse response) {
    return new ResultsPage(
        response.getResultsList().stream().map(Result::new).toList(),
        response.getNextCursor(),
        response.hasGap() ? Optional.of(new Gap(response.getGap())) : Optional.empty());
  }
}
