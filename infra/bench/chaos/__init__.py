"""Chaos: two of each role on real Kafka and Redis under an open-loop stream, and faults drawn at random."""
