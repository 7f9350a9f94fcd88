"""The outbound edge: stores of tasks behind core's port. No engine, no wire format."""
