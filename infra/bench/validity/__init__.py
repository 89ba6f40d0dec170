"""Counts how often certified thresholds miss their target on rows that were not drawn."""
