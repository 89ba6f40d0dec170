"""Hypothesis without deadlines: no test has a clock in it."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None, max_examples=60)
settings.load_profile("untimed")
