"""Servers on this machine, on 127.0.0.1: ephemeral for demo, development and tests, or kept in a folder."""
