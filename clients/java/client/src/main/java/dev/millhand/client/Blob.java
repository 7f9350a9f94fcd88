package dev.millhand.client;

import com.google.protobuf.ByteString;

/**
 * Bytes, and what they are. Plain {@code byte[]} will do where that need not be said.
 *
 * @param data the bytes
 * @param contentType what they are, such as {@code image/png}; empty if it is not said
 */
public record Blob(ByteString data, String contentType) {

  /**
   * Returns a blob with a copy of these bytes.
   *
   * @param data the bytes
   * @param contentType what they are; may be empty
   */
  public static Blob of(byte[] data, String contentType) {
    return new Blob(ByteString.copyFrom(data), contentType);
  }

  /** Says how many bytes there are: payloads never go into logs. */
  @Override
  public String toString() {
    return "Blob[" + data.size() + " bytes, contentType=" + contentType + "]";
  }
}
