package dev.millhand.client;

import dev.millhand.client.errors.MillhandException;
import dev.millhand.v1.Task;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Tasks that are fetched page by page as they are read. Each iteration asks anew; an iterator is
 * for one thread at a time, and throws {@link MillhandException} where a page cannot be had.
 */
public final class TaskListing implements Iterable<Task> {
  private final Function<String, TaskPage> fetch;

  /**
   * Makes a listing.
   *
   * @param fetch gives the page behind a token
   */
  TaskListing(Function<String, TaskPage> fetch) {
    this.fetch = fetch;
  }

  /** Returns an iterator that fetches the first page when it is first asked. */
  @Override
  public Iterator<Task> iterator() {
    return new Pages(fetch);
  }

  /** Returns the tasks as a stream, which fetches pages as it is read. */
  public Stream<Task> stream() {
    return StreamSupport.stream(spliterator(), false);
  }

  private static final class Pages implements Iterator<Task> {
    private final Function<String, TaskPage> fetch;
    private Iterator<Task> page = List.<Task>of().iterator();
    private String token = "";
    private boolean last = false;

    Pages(Function<String, TaskPage> fetch) {
      this.fetch = fetch;
    }

    @Override
    public boolean hasNext() {
      // A page may be empty and not the last.
      while (!page.hasNext() && !last) {
        TaskPage next = fetch.apply(token);
        page = next.tasks().iterator();
        token = next.nextToken();
        last = token.isEmpty();
      }
      return page.hasNext();
    }

    @Override
    public Task next() {
      if (!hasNext()) {
        throw new NoSuchElementException("the end of the listing");
      }
      return page.next();
    }
  }
}
