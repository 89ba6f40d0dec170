"""What becomes of policy versions: their states, what decides on them, and what follows from an alarm."""
