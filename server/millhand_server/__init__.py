"""The Millhand server: task manager, stores, and the gRPC edge over them."""
