"""Where handlers' code runs: one module per kind, all with the same face (`core.ports.Executor`)."""
