package dev.millhand.client;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A future of one unary call. Cancelling it cancels the call. */
final class UnaryCall<Q, R> extends CompletableFuture<R> {
  private final ClientCall<Q, R> call;
  private final Caller caller;

  /** Who calls: is told how a call went. */
  interface Caller {
    /** The server has answered that it is at work. */
    void began(Metadata headers);

    /** What a call's end amounts to; not called for OK. */
    Throwable failed(Status status, Metadata trailers);
  }

  private UnaryCall(ClientCall<Q, R> call, Caller caller) {
    this.call = call;
    this.caller = caller;
  }

  static <Q, R> CompletableFuture<R> begin(
      ClientCall<Q, R> call, Q request, Metadata headers, Caller caller) {
    UnaryCall<Q, R> future = new UnaryCall<>(call, caller);
    call.start(future.new Listener(), headers);
    call.sendMessage(request);
    call.halfClose();
    // Two: a second message is a fault that has to be seen.
    call.request(2);
    return future;
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    if (cancelled) {
      call.cancel("the caller has cancelled its future", null);
    }
    return cancelled;
  }

  private final class Listener extends ClientCall.Listener<R> {
    private @Nullable R answer;

    @Override
    public void onHeaders(Metadata headers) {
      caller.began(headers);
    }

    @Override
    public void onMessage(R message) {
      answer = message;
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      R message = answer;
      if (!status.isOk()) {
        completeExceptionally(caller.failed(status, trailers));
      } else if (message == null) {
        Status nothing = Status.INTERNAL.withDescription("the call ended without an answer");
        completeExceptionally(caller.failed(nothing, trailers));
      } else {
        complete(message);
      }
    }
  }
}
