"""State that the workers share through Redis."""

"""State that the workers share through Redis."""
