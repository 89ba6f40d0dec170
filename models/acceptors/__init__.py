"""How sure a surrogate may be of its best label: one file a kind, one contract, one choice between them."""
