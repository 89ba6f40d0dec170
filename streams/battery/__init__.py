"""Batteries: cases that a version must pass before it goes live, and what it does with them."""
