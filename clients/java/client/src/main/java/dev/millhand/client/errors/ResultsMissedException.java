package dev.millhand.client.errors;

import dev.millhand.v1.Gap;

/** A reader that was asked to throw at a gap met one. It can be read further, behind the gap. */
public final class ResultsMissedException extends MillhandException {
  private final Gap gap;

  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   * @param gap what cannot be given any more
   */
  public ResultsMissedException(ErrorDetails details, Gap gap) {
    super(details);
    this.gap = gap;
  }

  /** Returns what cannot be given any more. */
  public Gap gap() {
    return gap;
  }
}
