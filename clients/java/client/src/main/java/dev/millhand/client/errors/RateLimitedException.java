package dev.millhand.client.errors;

/** Too many calls; {@link #retryAfter()} says when to try again. */
public final class RateLimitedException extends ResourceExhaustedException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public RateLimitedException(ErrorDetails details) {
    super(details);
  }
}
