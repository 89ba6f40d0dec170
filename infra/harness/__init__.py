"""Harness for benchmarks and system tests: workers on a real Kafka and Redis, a client, a teacher."""
