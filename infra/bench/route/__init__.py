"""How fast one worker routes, beside the least that Kafka asks of any consumer and beside a stock Faust agent."""
