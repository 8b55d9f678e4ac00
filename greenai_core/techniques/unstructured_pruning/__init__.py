"""Single weights or small groups of them become zero; the tensors keep their shape."""
