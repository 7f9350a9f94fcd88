package dev.millhand.client;

/** Where a client connects to. */
final class Address {
  private Address() {}

  /** Whether it is on this machine, for all one can tell without asking a name server. */
  static boolean isLoopback(String address) {
    if (address.startsWith("unix:") || address.startsWith("unix-abstract:")) {
      return true;
    }
    String host = host(withoutScheme(address));
    return host.equals("localhost")
        || host.equals("::1")
        || host.equals("0:0:0:0:0:0:0:1")
        || host.matches("127\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}");
  }

  /** Of {@code dns:[//authority/]host:port}, what is behind. */
  private static String withoutScheme(String address) {
    return address.matches("(dns|ipv4|ipv6):.*")
        ? address.substring(Math.max(address.indexOf(':'), address.lastIndexOf('/')) + 1)
        : address;
  }

  private static String host(String address) {
    if (address.startsWith("[")) {
      int end = address.indexOf(']');
      return end < 0 ? address : address.substring(1, end);
    }
    int colon = address.indexOf(':');
    boolean hasPort = colon >= 0 && colon == address.lastIndexOf(':');
    return hasPort ? address.substring(0, colon) : address;
  }
}
