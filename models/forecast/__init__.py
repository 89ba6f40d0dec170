"""Forecasts from traces: coverage, savings, audits, and what more traces would change."""
