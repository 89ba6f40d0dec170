"""Validity of the gate: how often a target that passed is missed on rows that were not drawn."""
