"""Keras callbacks for a contrastive `fit`: accuracy of neighbours, a word at collapse, embeddings, a page."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "KNNAccuracy": "knn_accuracy",
        "CollapseWarning": "collapse_warning",
        "ProjectorLog": "projector_log",
        "EmbeddingMap": "embedding_map",
        "Report": "report",
    },
)
