"""What the demo needs beside the real thing: traffic to classify and a teacher to learn from."""
