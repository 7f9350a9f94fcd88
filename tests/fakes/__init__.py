"""Stand-ins that are of use to our own tests alone; those for everybody are in `millhand_server.testing`."""
