"""Keras metrics of embeddings and their labels, for `compile`."""
