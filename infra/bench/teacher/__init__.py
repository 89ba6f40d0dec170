"""`bench teacher`: the whole system behind a teacher that is slow, away, or killed."""
