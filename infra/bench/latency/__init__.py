"""Latency of one routing worker, from the time a request was due to its label, beside a bare Kafka loop."""
