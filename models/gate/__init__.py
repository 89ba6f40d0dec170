"""The gate: tests thresholds, gives the frontier of targets that pass, and counts label by label."""
