"""Trained variants in use: codes, reconstructions and scores of new examples, and ONNX."""
