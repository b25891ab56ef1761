"""Where images come from: TFDS sets, folders, the embedded digits, and parts of them."""
