"""Dead letters: as operators see them, and what is sent again of them."""
