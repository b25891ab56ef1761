"""What a trained network is worth, in numbers."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "linear": "encoder",
        "nearest_neighbours": "encoder",
        "embed": "encoder",
        "LinearProbe": "encoder",
        "neighbour_accuracy": "neighbours",
        "few_shot_accuracy": "few_shot",
        "expected_calibration_error": "calibration",
        "alignment": "representation",
        "uniformity": "representation",
        "effective_rank": "representation",
        "neural_collapse": "representation",
        "share_interval": "intervals",
        "paired_bootstrap": "intervals",
        "mcnemar": "intervals",
    },
)
