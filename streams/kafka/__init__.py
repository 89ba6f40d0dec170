"""Topics in, topics out: librdkafka moves the bytes, Faust's agents see batches."""
