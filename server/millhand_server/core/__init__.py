"""Pure data and decisions: tasks, statuses, transitions, errors, ports. No I/O, no clock, no wire format."""
