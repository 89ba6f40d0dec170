"""What the trainer role is made of: the window of traces, when to refit, and the process that does it."""
