"""Understudy as its users run it: worker processes on a real Kafka and Redis; a client and a teacher outside.

Benchmarks and system tests run the same.
"""
