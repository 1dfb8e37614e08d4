"""What runs when audio is restored: files, streaming, boards, plugins, ONNX sessions. Never imports torch."""
