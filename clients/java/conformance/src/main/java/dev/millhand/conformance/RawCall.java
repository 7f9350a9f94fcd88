package dev.millhand.conformance;

import com.google.protobuf.ByteString;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.v1.TaskServiceGrpc;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** A unary call of bytes, on the channel of the generated stub. */
final class RawCall {
  private static final MethodDescriptor.Marshaller<ByteString> BYTES =
      new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(ByteString value) {
          return value.newInput();
        }

        @Override
        public ByteString parse(InputStream stream) {
          try {
            return ByteString.readFrom(stream);
          } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
          }
        }
      };

  private RawCall() {}

  static ByteString of(
      TaskServiceGrpc.TaskServiceBlockingStub stub, String method, ByteString request) {
    MethodDescriptor<ByteString, ByteString> descriptor =
        MethodDescriptor.newBuilder(BYTES, BYTES)
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName(
                MethodDescriptor.generateFullMethodName(TaskServiceGrpc.SERVICE_NAME, method))
            .build();
    try {
      return ClientCalls.blockingUnaryCall(
          stub.getChannel(), descriptor, stub.getCallOptions(), request);
    } catch (StatusRuntimeException refusal) {
      throw MillhandErrors.of(refusal);
    }
  }
}
