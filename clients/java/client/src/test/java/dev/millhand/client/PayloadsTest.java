package dev.millhand.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import com.google.protobuf.Value;
import dev.millhand.client.errors.InvalidPayloadException;
import dev.millhand.client.errors.Violation;
import dev.millhand.v1.Payload;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PayloadsTest {
  static Stream<Arguments> roundTrips() {
    return Stream.of(
        Arguments.of(null, null),
        Arguments.of(true, true),
        Arguments.of("größe 🦀 \u0001", "größe 🦀 \u0001"),
        Arguments.of(3, 3L),
        Arguments.of((byte) -3, -3L),
        Arguments.of(1L << 53, 1L << 53),
        Arguments.of(BigInteger.TEN, 10L),
        Arguments.of(new BigDecimal("2.50"), 2.5),
        Arguments.of(0.1, 0.1),
        Arguments.of(1e300, 1e300),
        Arguments.of(List.of(), List.of()),
        Arguments.of(Map.of(), Map.of()),
        Arguments.of(new Object[] {1, null}, Arrays.asList(1L, null)),
        Arguments.of(Map.of("a", List.of(1, "b")), Map.of("a", List.of(1L, "b"))));
  }

  @ParameterizedTest
  @MethodSource("roundTrips")
  void jsonComesBackAsJavasOwn(Object sent, Object back) {
    assertEquals(back, Payloads.decode(Payloads.encode(sent)));
  }

  @Test
  void bytesComeBackAsBytesAndWithAContentTypeAsABlob() {
    byte[] bytes = {0, 1, -1};
    Blob picture = Blob.of(bytes, "image/png");

    assertArrayEquals(bytes, (byte[]) Payloads.decode(Payloads.encode(bytes)));
    assertArrayEquals(bytes, (byte[]) Payloads.decode(Payloads.encode(ByteString.copyFrom(bytes))));
    assertEquals(picture, Payloads.decode(Payloads.encode(picture)));
  }

  @Test
  void aGeneratedMessageIsAMessage() {
    Duration message = Duration.newBuilder().setSeconds(90).build();

    assertEquals(Any.pack(message), Payloads.encode(message).getMessage());
    assertEquals(Any.pack(message), Payloads.decode(Payloads.encode(message)));
  }

  @Test
  void whatIsAPayloadOrAValueIsTakenAsItIs() {
    Value json = Value.newBuilder().setStringValue("x").build();
    Payload payload = Payload.newBuilder().setJson(json).build();

    assertEquals(payload, Payloads.encode(payload));
    assertEquals(payload, Payloads.encode(json));
    assertNull(Payloads.decode(Payload.getDefaultInstance()));
  }

  static Stream<Arguments> refused() {
    Map<Object, Object> numbered = new HashMap<>();
    numbered.put(1, 2);
    return Stream.of(
        Arguments.of(Double.NaN, "payload"),
        Arguments.of(Float.NEGATIVE_INFINITY, "payload"),
        Arguments.of(Map.of("a", List.of(1, (1L << 53) + 1)), "payload.a[1]"),
        Arguments.of(BigInteger.ONE.shiftLeft(54).negate(), "payload"),
        Arguments.of(new BigDecimal("9007199254740993"), "payload"),
        Arguments.of(new BigDecimal("1e400"), "payload"),
        Arguments.of(List.of("\ud800"), "payload[0]"),
        Arguments.of(numbered, "payload"),
        Arguments.of(new Object(), "payload"),
        Arguments.of(List.of(new byte[0]), "payload[0]"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void whatJsonCannotSayIsRefusedWithItsPath(Object value, String path) {
    InvalidPayloadException error =
        assertThrows(InvalidPayloadException.class, () -> Payloads.encode(value));

    assertEquals(List.of(path), error.violations().stream().map(Violation::field).toList());
    assertEquals("INVALID_PAYLOAD", error.reason());
  }

  @Test
  void aStructureThatContainsItselfIsRefused() {
    List<Object> endless = new ArrayList<>();
    endless.add(endless);

    assertThrows(InvalidPayloadException.class, () -> Payloads.encode(endless));
  }
}
