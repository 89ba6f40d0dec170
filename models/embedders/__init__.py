"""What turns texts into vectors: one small interface, one file an encoder, and the grammar of their names."""
