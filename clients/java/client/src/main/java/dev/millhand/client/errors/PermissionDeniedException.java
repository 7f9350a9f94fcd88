package dev.millhand.client.errors;

/** The token does not have the scope that the call needs. */
public final class PermissionDeniedException extends MillhandException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public PermissionDeniedException(ErrorDetails details) {
    super(details);
  }
}
