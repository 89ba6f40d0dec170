"""Routing of a request: its features, the encoders that make vectors, and the decision."""
