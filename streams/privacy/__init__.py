"""Customers' texts: masked before they are written, and not used once they are to be forgotten."""
