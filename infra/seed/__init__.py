"""Seeding: past calls of an LLM, from the files in which people have them, as traces of a task."""
