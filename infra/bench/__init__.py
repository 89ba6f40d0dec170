"""Benchmarks: each figure has a reference that is measured in the same run, on the same machine."""
