"""Encoders: networks from images to features."""
