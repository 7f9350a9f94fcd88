package dev.millhand.client.errors;

import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What an error says. Each part is explained by the method of {@link MillhandException} of the same
 * name. Immutable.
 *
 * @param code the gRPC code
 * @param reason the name of the cause, or empty
 * @param description a sentence for a person
 * @param metadata facts about the cause
 * @param violations the fields that are wrong
 * @param retryAfter how long to wait
 * @param requestId what the server's log calls the call, or empty
 */
public record ErrorDetails(
    Status.Code code,
    String reason,
    String description,
    Map<String, String> metadata,
    List<Violation> violations,
    Optional<Duration> retryAfter,
    String requestId) {

  /** Copies the collections. */
  public ErrorDetails {
    metadata = Map.copyOf(metadata);
    violations = List.copyOf(violations);
  }

  /**
   * Returns details without metadata, violations, advice or request.
   *
   * @param code the gRPC code
   * @param reason the name of the cause, or empty
   * @param description a sentence for a person
   */
  public static ErrorDetails of(Status.Code code, String reason, String description) {
    return new ErrorDetails(code, reason, description, Map.of(), List.of(), Optional.empty(), "");
  }

  /**
   * Returns details of one wrong field, INVALID_ARGUMENT.
   *
   * @param reason the name of the cause
   * @param field the path of the field
   * @param description what is wrong with it
   */
  public static ErrorDetails ofField(String reason, String field, String description) {
    return new ErrorDetails(
        Status.Code.INVALID_ARGUMENT,
        reason,
        field + ": " + description,
        Map.of(),
        List.of(new Violation(field, description)),
        Optional.empty(),
        "");
  }

  /** The whole as one line: what {@link Throwable#getMessage()} gives. */
  String sentence() {
    StringBuilder sentence = new StringBuilder(reason.isEmpty() ? code.name() : reason);
    sentence.append(": ").append(description.isEmpty() ? "no message was given" : description);
    for (Violation violation : violations) {
      if (!description.contains(violation.description())) {
        sentence
            .append("; ")
            .append(violation.field())
            .append(": ")
            .append(violation.description());
      }
    }
    if (!requestId.isEmpty()) {
      sentence.append(" (request ").append(requestId).append(")");
    }
    return sentence.toString();
  }
}
