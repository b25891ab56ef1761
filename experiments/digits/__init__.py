"""Experiments on the embedded UCI digits: minutes on a laptop."""
