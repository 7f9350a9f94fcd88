"""The conformance suite: one set of cases, and a program for each client that plays them."""
