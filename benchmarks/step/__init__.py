"""Time and memory of the whole training step and of the loop around it."""
