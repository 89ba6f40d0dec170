"""TRACER (PyPI `tracer-llm`), the reference for learning from traces, in an environment of its own."""
