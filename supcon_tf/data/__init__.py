"""Data: TFDS sets by name, and the pipelines that feed training and evaluation."""
