"""What the workers share through Redis."""
