"""The gRPC edge: the only place that knows grpc and protobuf. It calls the manager and nothing below it."""
