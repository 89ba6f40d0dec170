"""Acceptors: the probability that the teacher agrees with an answer, one file a kind."""
