"""Augmentation: pure functions of (image, seed) in plain TensorFlow, for tf.data on the host."""
