"""Experiments on CIFAR-10: the authors' scripts, and small ones for two CPU cores."""
