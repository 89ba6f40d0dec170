"""The roles, one file each: a short Faust agent around functions that decide."""
