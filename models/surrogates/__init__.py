"""What learns to answer like the teacher: one file a kind, one contract, one list (`zoo`)."""
