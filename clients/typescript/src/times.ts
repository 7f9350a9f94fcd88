/** Durations and moments between JavaScript and the wire. Durations are milliseconds and moments are Dates. */

import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { invalid } from "./errors.js";

const MS = 1000;
const NANOS_PER_MS = 1_000_000;
/** The longest Duration there is, 10,000 years. */
const LONGEST_S = 315_576_000_000;

/** `ms` itself, if it is a duration. Throws InvalidArgumentError if it is negative or not finite. */
export function checkedMs(ms: number, field: string): number {
  if (!Number.isFinite(ms)) {
    throw invalid(field, `${String(ms)} is not a duration: give milliseconds as a number`);
  }
  if (ms < 0) {
    throw invalid(field, `${String(ms)} is negative`);
  }
  return ms;
}

/** Milliseconds as a Duration. Throws InvalidArgumentError as `checkedMs` does. */
export function duration(ms: number, field: string): Duration {
  const whole = Math.floor(checkedMs(ms, field) / MS);
  if (whole > LONGEST_S) {
    throw invalid(field, `${String(ms)} is longer than a duration can be`);
  }
  const nanos = Math.round((ms - whole * MS) * NANOS_PER_MS);
  // Rounding may have filled up the second.
  const carry = nanos === MS * NANOS_PER_MS ? 1 : 0;
  return create(DurationSchema, { seconds: BigInt(whole + carry), nanos: carry ? 0 : nanos });
}

/** `duration`, of what may be undefined. */
export function optionalDuration(ms: number | undefined, field: string): Duration | undefined {
  return ms === undefined ? undefined : duration(ms, field);
}

/** A Date as a Timestamp. Throws InvalidArgumentError for one that is no moment. */
export function timestamp(moment: Date, field: string): Timestamp {
  if (!(moment instanceof Date) || Number.isNaN(moment.getTime())) {
    throw invalid(field, "is not a moment: give a valid Date");
  }
  return timestampFromDate(moment);
}

/** A Duration in milliseconds. */
export function durationMs(value: Duration): number {
  return Number(value.seconds) * MS + value.nanos / NANOS_PER_MS;
}
