"""Audit packs: one archive from which a reviewer can recompute a version's certificate."""
