"""Drift: how requests differ from the training traces, and deferred ones from what the fit expected."""

"""Drift: how requests differ from the training traces, as far as that shows without a teacher."""
