"""What a trained network is worth: features, classifiers, figures and the report."""
