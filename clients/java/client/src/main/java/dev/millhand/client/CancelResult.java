package dev.millhand.client;

import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.v1.CancelOutcome;
import java.util.Optional;

/**
 * What became of one id of a batch of cancels.
 *
 * @param id the task
 * @param outcome what it came to; UNSPECIFIED if it was refused
 * @param error why it was refused; empty if it was not
 */
public record CancelResult(String id, CancelOutcome outcome, Optional<MillhandException> error) {

  static CancelResult of(dev.millhand.v1.CancelResult result) {
    return new CancelResult(
        result.getId(),
        result.getOutcome(),
        result.hasError() ? Optional.of(MillhandErrors.of(result.getError())) : Optional.empty());
  }
}
