"""The built-in teacher: asks an OpenAI-compatible endpoint for the label of a deferral."""
