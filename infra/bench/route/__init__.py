"""Throughput of one routing worker, compared with a bare Kafka loop and a stock Faust agent."""
