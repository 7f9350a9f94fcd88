package dev.millhand.client;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.ListValue;
import com.google.protobuf.Message;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.InvalidPayloadException;
import dev.millhand.v1.Payload;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Java values to payloads and back. JSON numbers are doubles on the wire: what that would change is
 * refused.
 *
 * <table>
 * <caption>What becomes what</caption>
 * <tr><th>Java</th><th>payload</th><th>and back</th></tr>
 * <tr><td>null</td><td>{@code json}</td><td>null</td></tr>
 * <tr><td>Boolean, String (or any CharSequence)</td><td>{@code json}</td><td>Boolean, String</td></tr>
 * <tr><td>whole numbers up to 2^53</td><td>{@code json}</td><td>Long</td></tr>
 * <tr><td>other numbers</td><td>{@code json}</td><td>Double</td></tr>
 * <tr><td>Map with String keys</td><td>{@code json}</td><td>Map, in no certain order</td></tr>
 * <tr><td>Iterable, Object[]</td><td>{@code json}</td><td>List</td></tr>
 * <tr><td>byte[], ByteString</td><td>{@code blob}</td><td>byte[]</td></tr>
 * <tr><td>{@link Blob}</td><td>{@code blob}</td><td>Blob, or byte[] without a content type</td></tr>
 * <tr><td>a generated message</td><td>{@code message}</td><td>{@link Any}</td></tr>
 * </table>
 *
 * <p>A {@link Payload} is taken as it is, {@link Value} as JSON and {@link Any} as a message.
 */
public final class Payloads {
  /** The largest integer up to which a double holds every integer. */
  private static final long MAX_INTEGER = 1L << 53;

  /** Only a guard against structures that contain themselves: the server's limit is lower. */
  private static final int MAX_NESTING = 64;

  private Payloads() {}

  /**
   * Returns a value as a payload.
   *
   * @param value what a handler is to get; null is the null of JSON
   * @throws InvalidPayloadException for NaN and infinities, integers beyond 2^53, keys that are no
   *     strings, text that is not valid Unicode, and types of which JSON knows nothing; it names
   *     the path
   */
  public static Payload encode(@Nullable Object value) {
    if (value instanceof Payload payload) {
      return payload;
    }
    if (value instanceof byte[] bytes) {
      return blob(ByteString.copyFrom(bytes), "");
    }
    if (value instanceof ByteString bytes) {
      return blob(bytes, "");
    }
    if (value instanceof Blob blob) {
      return blob(blob.data(), blob.contentType());
    }
    if (value instanceof Any any) {
      return Payload.newBuilder().setMessage(any).build();
    }
    if (value instanceof Message message && !(value instanceof Value)) {
      return Payload.newBuilder().setMessage(Any.pack(message)).build();
    }
    return Payload.newBuilder().setJson(json(value, "payload", 0)).build();
  }

  /**
   * Returns the value in a payload, as the table of this class says.
   *
   * @param payload what came; one with nothing in it is null
   */
  public static @Nullable Object decode(Payload payload) {
    return switch (payload.getKindCase()) {
      case JSON -> natural(payload.getJson());
      case MESSAGE -> payload.getMessage();
      case BLOB -> {
        dev.millhand.v1.Blob blob = payload.getBlob();
        yield blob.getContentType().isEmpty()
            ? blob.getData().toByteArray()
            : new Blob(blob.getData(), blob.getContentType());
      }
      case KIND_NOT_SET -> null;
    };
  }

  private static Payload blob(ByteString data, String contentType) {
    return Payload.newBuilder()
        .setBlob(dev.millhand.v1.Blob.newBuilder().setData(data).setContentType(contentType))
        .build();
  }

  private static Value json(@Nullable Object value, String path, int depth) {
    if (depth > MAX_NESTING) {
      throw refusal(path, "is nested too deeply, or contains itself");
    }
    if (value == null) {
      return Value.newBuilder().setNullValue(NullValue.NULL_VALUE).build();
    }
    if (value instanceof Value json) {
      return json;
    }
    if (value instanceof Boolean bool) {
      return Value.newBuilder().setBoolValue(bool).build();
    }
    if (value instanceof Number number) {
      return Value.newBuilder().setNumberValue(number(number, path)).build();
    }
    if (value instanceof CharSequence text) {
      return Value.newBuilder().setStringValue(text(text.toString(), path)).build();
    }
    if (value instanceof Map<?, ?> map) {
      return Value.newBuilder().setStructValue(struct(map, path, depth)).build();
    }
    if (value instanceof Object[] array) {
      return Value.newBuilder().setListValue(list(Arrays.asList(array), path, depth)).build();
    }
    if (value instanceof Iterable<?> items) {
      return Value.newBuilder().setListValue(list(items, path, depth)).build();
    }
    throw refusal(path, "JSON knows nothing of " + value.getClass().getName() + unfit(value));
  }

  private static String unfit(Object value) {
    return value instanceof Message || value instanceof Blob || value instanceof byte[]
        ? ", which is a payload of its own"
        : ": make it of maps, lists, strings, numbers and booleans, or of a protobuf message";
  }

  private static Struct struct(Map<?, ?> map, String path, int depth) {
    Struct.Builder struct = Struct.newBuilder();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      if (!(entry.getKey() instanceof String key)) {
        throw refusal(path, "the key " + entry.getKey() + " is not a string");
      }
      struct.putFields(text(key, path), json(entry.getValue(), path + "." + key, depth + 1));
    }
    return struct.build();
  }

  private static ListValue list(Iterable<?> items, String path, int depth) {
    ListValue.Builder list = ListValue.newBuilder();
    int index = 0;
    for (Object item : items) {
      list.addValues(json(item, path + "[" + index + "]", depth + 1));
      index++;
    }
    return list.build();
  }

  private static double number(Number number, String path) {
    if (isInteger(number) && exact(number).abs().compareTo(BigInteger.valueOf(MAX_INTEGER)) > 0) {
      throw refusal(
          path,
          "an integer beyond 2^53 would lose digits as JSON: send a string or a protobuf message");
    }
    double wide = number.doubleValue();
    if (!Double.isFinite(wide)) {
      throw refusal(path, "JSON has no " + number + ": send a string or a protobuf message");
    }
    return wide;
  }

  private static boolean isInteger(Number number) {
    return number instanceof Long
        || number instanceof BigInteger
        || number instanceof Integer
        || number instanceof Short
        || number instanceof Byte
        || (number instanceof BigDecimal decimal && decimal.stripTrailingZeros().scale() <= 0);
  }

  private static BigInteger exact(Number integer) {
    if (integer instanceof BigInteger big) {
      return big;
    }
    return integer instanceof BigDecimal decimal
        ? decimal.toBigInteger()
        : BigInteger.valueOf(integer.longValue());
  }

  private static String text(String text, String path) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw refusal(path, "is not valid Unicode: send bytes");
    }
    return text;
  }

  private static InvalidPayloadException refusal(String path, String description) {
    return new InvalidPayloadException(ErrorDetails.ofField("INVALID_PAYLOAD", path, description));
  }

  private static @Nullable Object natural(Value value) {
    return switch (value.getKindCase()) {
      case BOOL_VALUE -> value.getBoolValue();
      case NUMBER_VALUE -> natural(value.getNumberValue());
      case STRING_VALUE -> value.getStringValue();
      case STRUCT_VALUE -> natural(value.getStructValue());
      case LIST_VALUE -> {
        List<@Nullable Object> list = new ArrayList<>(value.getListValue().getValuesCount());
        value.getListValue().getValuesList().forEach(item -> list.add(natural(item)));
        yield list;
      }
      case NULL_VALUE, KIND_NOT_SET -> null;
    };
  }

  private static Map<String, @Nullable Object> natural(Struct struct) {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    struct.getFieldsMap().forEach((key, item) -> map.put(key, natural(item)));
    return map;
  }

  private static Number natural(double number) {
    boolean whole = number == Math.rint(number) && Math.abs(number) <= MAX_INTEGER;
    return whole ? (Number) (long) number : (Number) number;
  }
}
