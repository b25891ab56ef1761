"""From images to features, projections and logits: encoders, and the networks of a run."""
