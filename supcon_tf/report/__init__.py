"""The page that shows runs, and its figures: made from run directories, without TensorFlow."""
