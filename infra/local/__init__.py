"""Servers on this machine, for the demo, for development and for tests: all on 127.0.0.1, all ephemeral."""
