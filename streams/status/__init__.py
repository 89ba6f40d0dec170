"""Status of each task as Redis and the config have it: read once, and said as sentences."""
