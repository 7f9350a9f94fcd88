package dev.millhand.client;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Says how a client connects, and with what patience. Not for several threads at once. */
public final class ClientBuilder {
  /**
   * Every server's limit for one message; gRPC's own default of 4 MiB would refuse large results.
   */
  private static final int MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

  private final String address;
  private String token = "";
  private boolean insecureToken = false;
  private byte @Nullable [] authority;
  private byte @Nullable [] certificate;
  private byte @Nullable [] key;
  private Optional<Duration> callTimeout = Optional.of(Duration.ofSeconds(30));
  private Optional<Duration> reconnectTimeout = Optional.of(Duration.ofSeconds(120));
  private String name = "";

  ClientBuilder(String address) {
    this.address = address;
  }

  /**
   * Sends a bearer token with every call. Without TLS only to this machine: see {@link
   * #insecureToken}.
   */
  public ClientBuilder token(String token) {
    this.token = token;
    return this;
  }

  /**
   * Sends the token in the clear to wherever the address leads: whoever is on the way can read and
   * use it.
   */
  public ClientBuilder insecureToken() {
    this.insecureToken = true;
    return this;
  }

  /**
   * Turns TLS on.
   *
   * @param pem the certificates that the server's must come from
   * @throws IllegalArgumentException if there is none in it
   */
  public ClientBuilder tlsAuthority(byte[] pem) {
    this.authority = pem(pem, "CERTIFICATE");
    return this;
  }

  /**
   * Turns TLS on.
   *
   * @param pem a file with the certificates that the server's must come from
   * @throws IOException if it cannot be read
   */
  public ClientBuilder tlsAuthority(Path pem) throws IOException {
    return tlsAuthority(Files.readAllBytes(pem));
  }

  /**
   * Shows a certificate of this client's own (mutual TLS), and turns TLS on.
   *
   * @param certificatePem the certificate
   * @param keyPem its key, PKCS #8
   * @throws IllegalArgumentException if one is not what it should be
   */
  public ClientBuilder tlsIdentity(byte[] certificatePem, byte[] keyPem) {
    this.certificate = pem(certificatePem, "CERTIFICATE");
    this.key = pem(keyPem, "PRIVATE KEY");
    return this;
  }

  /**
   * Shows a certificate of this client's own (mutual TLS), and turns TLS on.
   *
   * @param certificatePem a file with the certificate
   * @param keyPem a file with its key, PKCS #8
   * @throws IOException if one cannot be read
   */
  public ClientBuilder tlsIdentity(Path certificatePem, Path keyPem) throws IOException {
    return tlsIdentity(Files.readAllBytes(certificatePem), Files.readAllBytes(keyPem));
  }

  /**
   * How long one call may take beside what it waits for, 30 seconds if not said. A call that waits
   * for a task as long as it takes has no limit.
   */
  public ClientBuilder callTimeout(Duration timeout) {
    this.callTimeout = Optional.of(timeout);
    return this;
  }

  /** Lets calls take as long as they do. */
  public ClientBuilder noCallTimeout() {
    this.callTimeout = Optional.empty();
    return this;
  }

  /**
   * How long readers, sessions and executions try to get a lost server back, two minutes if not
   * said.
   */
  public ClientBuilder reconnectTimeout(Duration timeout) {
    this.reconnectTimeout = Optional.of(timeout);
    return this;
  }

  /** Lets readers, sessions and executions try for ever to get a lost server back. */
  public ClientBuilder noReconnectTimeout() {
    this.reconnectTimeout = Optional.empty();
    return this;
  }

  /** What this program calls itself in a session, for the server's log. */
  public ClientBuilder name(String name) {
    this.name = name;
    return this;
  }

  /**
   * Returns the client. It has not connected yet.
   *
   * @throws IllegalArgumentException if a token would travel in the clear, or a certificate cannot
   *     be read
   */
  public MillhandClient build() {
    ManagedChannel channel =
        Grpc.newChannelBuilder(address, credentials())
            .maxInboundMessageSize(MAX_MESSAGE_BYTES)
            .keepAliveTime(30, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .keepAliveWithoutCalls(false)
            .disableRetry()
            .build();
    return on(channel, new Clock.OfSystem());
  }

  /** A client on a channel of somebody else's making. */
  MillhandClient on(ManagedChannel channel, Clock clock) {
    Terms terms =
        new Terms(callTimeout, Optional.empty(), reconnectTimeout, Optional.empty(), name);
    return new MillhandClient(new Wire(channel, token, clock), terms);
  }

  private ChannelCredentials credentials() {
    byte[] ca = authority;
    byte[] own = certificate;
    byte[] ownKey = key;
    if (ca == null && own == null) {
      refuseTokenInTheClear();
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    try {
      if (ca != null) {
        tls.trustManager(new ByteArrayInputStream(ca));
      }
      if (own != null && ownKey != null) {
        tls.keyManager(new ByteArrayInputStream(own), new ByteArrayInputStream(ownKey));
      }
    } catch (IOException useless) {
      throw new IllegalArgumentException("a certificate or key cannot be read", useless);
    }
    return tls.build();
  }

  /** gRPC takes anything, and says later that no transport could be found. */
  private static byte[] pem(byte[] given, String kind) {
    String text = new String(given, StandardCharsets.US_ASCII);
    if (!Pattern.compile("-----BEGIN [A-Z ]*" + kind + "-----").matcher(text).find()) {
      throw new IllegalArgumentException(
          "there is no " + kind.toLowerCase(Locale.ROOT) + " in this PEM");
    }
    return given.clone();
  }

  private void refuseTokenInTheClear() {
    if (!token.isEmpty() && !insecureToken && !Address.isLoopback(address)) {
      throw new IllegalArgumentException(
          "a token for "
              + address
              + " would cross the network in the clear, where anybody on the way can read and use"
              + " it: turn TLS on with tlsAuthority, or say insecureToken()");
    }
  }
}
