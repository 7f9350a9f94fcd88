"""Generated: the messages between the runner and the programs."""
