"""Routing: features of requests, the encoders that make them, and the decision to answer or defer."""
