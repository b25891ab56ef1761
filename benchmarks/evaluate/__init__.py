"""Time and memory of evaluation: neighbours, retrieval, linear classifiers, corruptions."""
