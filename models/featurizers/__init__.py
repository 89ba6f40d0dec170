"""Featurizers: the matrices that surrogates learn from, and the nodes that compute them in a graph."""
