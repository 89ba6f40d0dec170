"""OTLP over HTTP: calls of LLMs that an app's own instrumentation has recorded, as spans."""
