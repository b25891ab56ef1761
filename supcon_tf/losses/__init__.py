"""Losses on projections: one value per image of the global batch."""
