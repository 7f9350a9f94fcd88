import type { Clock } from "../src/patience.js";

/** Time that passes when it is slept through, or when a test says so. */
export class FakeClock implements Clock {
  time = 0;
  readonly sleeps: number[] = [];

  constructor(private readonly spread = 1) {}

  now(): number {
    return this.time;
  }

  sleep(ms: number): Promise<void> {
    this.sleeps.push(ms);
    this.time += ms;
    return Promise.resolve();
  }

  jitter(): number {
    return this.spread;
  }
}
