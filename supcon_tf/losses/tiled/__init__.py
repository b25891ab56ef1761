"""The loss tile by tile. One door: `kernel.anchor_losses`."""
