"""Drift: how requests differ from the training traces, as far as that shows without a teacher."""

"""Drift: how requests differ from the training traces, as far as that shows without a teacher."""
