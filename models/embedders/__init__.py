"""Embedders: encoders that turn texts into vectors, one file a kind, and the grammar of their names."""
