"""Experiments on CIFAR-100."""
