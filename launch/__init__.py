"""Command lines: they read flags and call the library; nothing imports them."""
