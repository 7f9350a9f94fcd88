package dev.millhand.client.errors;

/** A limit is reached, of the server or of the transport (a message that is too large). */
public sealed class ResourceExhaustedException extends MillhandException
    permits QueueFullException, RateLimitedException, TooManyStreamsException, SlowReaderException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public ResourceExhaustedException(ErrorDetails details) {
    super(details);
  }
}
