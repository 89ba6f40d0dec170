"""Calls of LLMs that were recorded elsewhere: conversations, and spans of OpenTelemetry."""
