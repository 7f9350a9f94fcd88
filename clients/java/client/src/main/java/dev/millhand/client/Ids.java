package dev.millhand.client;

import java.security.SecureRandom;
import java.util.UUID;

/** Ids made on this side, so that every registration can be sent twice. */
final class Ids {
  private static final SecureRandom RANDOM = new SecureRandom();

  private Ids() {}

  /** A UUIDv7 (RFC 9562), whose order is its time of birth. */
  static String newId() {
    long random = RANDOM.nextLong();
    long high = System.currentTimeMillis() << 16 | 0x7000 | random >>> 52;
    long low = 0x8000_0000_0000_0000L | RANDOM.nextLong() >>> 2;
    return new UUID(high, low).toString();
  }

  /** What the server's log calls one call. */
  static String newRequestId() {
    return UUID.randomUUID().toString().replace("-", "");
  }
}
