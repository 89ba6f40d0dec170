"""Running workers: on the operator's Kafka and Redis, or on embedded ones."""
