"""Surrogates: models that learn to answer like the teacher, one file a kind; `zoo` lists them."""
