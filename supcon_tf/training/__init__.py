"""Training: what one replica does in a step, and the loop around it."""
