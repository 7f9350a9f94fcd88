package dev.millhand.client;

import com.google.protobuf.Duration;
import com.google.protobuf.Timestamp;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.InvalidArgumentException;
import java.time.Instant;

/** Java's durations and moments to protobuf's. */
final class Times {
  /** What a Duration of protobuf may be: about 10,000 years. */
  private static final long MAX_SECONDS = 315_576_000_000L;

  private static final Instant FIRST = Instant.parse("0001-01-01T00:00:00Z");
  private static final Instant LAST = Instant.parse("9999-12-31T23:59:59.999999999Z");

  private Times() {}

  /** Refuses what is negative or longer than the wire can say. */
  static Duration proto(java.time.Duration duration, String field) {
    if (duration.isNegative()) {
      throw invalid(field, "is negative");
    }
    if (duration.getSeconds() > MAX_SECONDS) {
      throw invalid(field, "is longer than 10,000 years: leave it out for no limit");
    }
    return Duration.newBuilder()
        .setSeconds(duration.getSeconds())
        .setNanos(duration.getNano())
        .build();
  }

  static Timestamp proto(Instant moment, String field) {
    if (moment.isBefore(FIRST) || moment.isAfter(LAST)) {
      throw invalid(field, "is not in the years 1 to 9999");
    }
    return Timestamp.newBuilder()
        .setSeconds(moment.getEpochSecond())
        .setNanos(moment.getNano())
        .build();
  }

  static java.time.Duration duration(Duration duration) {
    return java.time.Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }

  static Instant instant(Timestamp moment) {
    return Instant.ofEpochSecond(moment.getSeconds(), moment.getNanos());
  }

  static InvalidArgumentException invalid(String field, String description) {
    return new InvalidArgumentException(
        ErrorDetails.ofField("INVALID_ARGUMENT", field, description));
  }
}
