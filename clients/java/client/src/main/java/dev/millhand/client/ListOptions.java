package dev.millhand.client;

/**
 * How to list tasks. Immutable: each method returns other options.
 *
 * @param orderBy {@code create_time}, {@code due_time} or {@code priority}, each also with {@code
 *     desc} behind it; empty is {@code create_time}
 * @param pageSize tasks in one page, at most 1,000; 0 leaves it to the server
 * @param full whether the tasks have their payload
 */
public record ListOptions(String orderBy, int pageSize, boolean full) {
  private static final ListOptions DEFAULTS = new ListOptions("", 0, false);

  /** Returns the options that leave everything to the server. */
  public static ListOptions defaults() {
    return DEFAULTS;
  }

  /** In this order. */
  public ListOptions orderBy(String orderBy) {
    return new ListOptions(orderBy, pageSize, full);
  }

  /** With so many tasks in a page. */
  public ListOptions pageSize(int pageSize) {
    return new ListOptions(orderBy, pageSize, full);
  }

  /** With payloads. */
  public ListOptions withPayloads() {
    return new ListOptions(orderBy, pageSize, true);
  }
}
