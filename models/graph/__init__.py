"""An ONNX graph while it is built, and while it runs."""
