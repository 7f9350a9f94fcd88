"""Stand-ins that tests drive by hand: a clock, and a store that is slow, fails or does not know."""
