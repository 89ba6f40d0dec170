"""What becomes of a request: its features, the encoders that make them, and the verdict."""
