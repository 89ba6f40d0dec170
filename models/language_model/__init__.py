"""A small LLM in numpy: the hidden states of each of its layers, to choose what a probe reads.

It reads checkpoints of the Llama architecture in the GGUF format, one text at a time, on the CPU. A server of
your own, which is many times faster, is what a probe asks in production.
"""
