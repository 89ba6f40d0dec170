"""ONNX graphs: building them, and opening them to run."""
