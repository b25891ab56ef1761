"""Experiments: data, not code. One module each, with a `config()` and a header that is its lab book."""
