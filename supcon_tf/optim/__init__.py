"""Optimisation: learning rates, optimizers, weight decay."""
