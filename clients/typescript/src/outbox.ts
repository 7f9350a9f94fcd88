/** What is to be sent on a stream, as connect wants it: an async iterable that waits for more. */
export class Outbox<T> implements AsyncIterableIterator<T> {
  readonly #waiting: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  /** Queues something; after the end, it is dropped. */
  push(item: T): void {
    this.#waiting.push(item);
    this.#wake?.();
  }

  /** Nothing follows what is queued. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const item = this.#waiting.shift();
    return item === undefined ? { done: true, value: undefined } : { done: false, value: item };
  }

  /** The stream broke, which its reader hears of. Connect insists on this method. */
  throw(): Promise<IteratorResult<T, undefined>> {
    return this.return();
  }

  /** The stream is over, and takes nothing more. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#waiting.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
