"""Keras layers: normalisation, and the two heads that sit on an encoder."""
