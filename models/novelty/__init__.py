"""Novelty of a request as its logits show it: how like it is to requests whose label no trace has."""
