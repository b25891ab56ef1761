"""Images a second of the augmentation policies."""
