"""Tracing: what happens to a request as spans of one trace, from its message to its label."""
