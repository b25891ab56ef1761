"""Time and memory of the loss, and the error of its gradient."""
