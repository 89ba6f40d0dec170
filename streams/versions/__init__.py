"""Policy versions: their stages, what decides on them, and what follows from an alarm. Pure."""

"""Policy versions: their stages, what decides on them, and what follows from an alarm. Pure."""
