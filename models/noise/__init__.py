"""Noise of the teacher: repeated requests, contradictions, and the ceiling of agreement."""
