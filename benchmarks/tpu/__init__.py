"""The training step through the compiler of a TPU, without a TPU."""
