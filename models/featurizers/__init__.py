"""Features as surrogates learn from them, and how the fitted weights become part of a graph."""
