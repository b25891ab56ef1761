"""Experiments on CIFAR-10, sized for two CPU cores."""
