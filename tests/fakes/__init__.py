"""Stand-ins that tests drive by hand: a clock, a store with faults, an executor, a codec without protobuf."""
