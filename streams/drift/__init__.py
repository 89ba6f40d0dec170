"""Drift: how requests differ from the training traces, and deferred ones from what the fit expected."""
