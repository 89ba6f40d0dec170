"""The ONNX graph of a policy: how it is built, fed and run."""
