"""How fast one worker routes, beside the least that Kafka asks of anyone and beside a stock Faust agent."""
