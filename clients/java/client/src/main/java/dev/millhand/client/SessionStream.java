package dev.millhand.client;

import dev.millhand.client.errors.MillhandException;
import dev.millhand.v1.SessionRequest;
import dev.millhand.v1.SessionResponse;
import dev.millhand.v1.TaskServiceGrpc;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One stream of a session. Its methods are called by one thread at a time, but for {@code cancel}.
 */
final class SessionStream {
  private final ClientCall<SessionRequest, SessionResponse> call;

  /** Who is told of what comes. Called by gRPC's threads, by one at a time. */
  interface Listener {
    void received(SessionStream stream, SessionResponse response);

    /** It is over: without an error if the status was OK. */
    void ended(SessionStream stream, Optional<MillhandException> error);
  }

  private SessionStream(ClientCall<SessionRequest, SessionResponse> call) {
    this.call = call;
  }

  static SessionStream open(Wire wire, List<SessionRequest> opening, Listener listener) {
    ClientCall<SessionRequest, SessionResponse> call =
        wire.open(TaskServiceGrpc.getSessionMethod());
    SessionStream stream = new SessionStream(call);
    String requestId = Ids.newRequestId();
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onMessage(SessionResponse response) {
            listener.received(stream, response);
            call.request(1);
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            listener.ended(
                stream,
                status.isOk()
                    ? Optional.empty()
                    : Optional.of(wire.failure(status, trailers, requestId, Map.of())));
          }
        },
        wire.headers(requestId));
    call.request(1);
    opening.forEach(call::sendMessage);
    return stream;
  }

  void send(SessionRequest request) {
    call.sendMessage(request);
  }

  /** Says that no more requests follow. Not to be called twice. */
  void finish() {
    call.halfClose();
  }

  /** Hangs up. Harmless when the stream is over. */
  void cancel() {
    call.cancel("the session needs this stream no more", null);
  }
}
