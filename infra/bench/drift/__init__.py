"""Effects of drift on the whole system, on a real Kafka and Redis, with audits and without them."""
