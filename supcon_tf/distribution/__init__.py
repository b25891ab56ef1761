"""Where replicas meet: strategies by name, and gathers with exact gradients."""
