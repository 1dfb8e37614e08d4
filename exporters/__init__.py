"""A trained checkpoint becomes a model package: ONNX files and a manifest."""
