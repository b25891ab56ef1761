"""A whole run: what it is made of, what is wrong with it before it begins, and the run itself."""
