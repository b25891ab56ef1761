"""The authors' ImageNet scripts. None has run here; every number beside them is the paper's."""
