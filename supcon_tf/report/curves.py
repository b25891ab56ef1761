"""The report's section of training curves: a panel a metric, a row a stage, a colour an experiment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supcon_tf.names import STAGE_KINDS
from supcon_tf.report import figures, page
from supcon_tf.report.runs import RunGroup

TITLES = {name: kind.title for name, kind in STAGE_KINDS.items()}
SELDOM = ("joint",)  # few runs have such a stage: nobody misses it


def curves_section(groups: Sequence[RunGroup]) -> str:
    """Every stage that any run went through; what is missing is said in a sentence."""
    present = {stage: [group for group in groups if _epochs(group, stage)] for stage in TITLES}
    if not any(present.values()):
        return page.section("Training", [page.note("No epoch has been written to metrics.jsonl.")])
    html = [page.legend([group.name for group in groups])]
    for stage, title in TITLES.items():
        if present[stage]:
            html += [f"<h3>{title}</h3>", _absent(groups, stage), *_stage(groups, stage)]
    html += [page.note(sentence) for sentence in _not_finite(groups)]
    left_out = [title.lower() for stage, title in TITLES.items() if not present[stage] and stage not in SELDOM]
    if left_out:
        html.append(page.note(f"Not part of these runs: {', '.join(left_out)}."))
    lead = "Thick: mean over the seeds of an experiment. Thin: each seed." if _several_seeds(groups) else ""
    return page.section("Training", html, lead=lead)


def lines(groups: Sequence[RunGroup], stage: str, key: str, *, kind: str = "mean") -> list[figures.Line]:
    """Curves of one metric: of several seeds each one and their mean, of one seed itself.

    The mean covers the epochs that all runs of the experiment wrote, so that a run which stopped early does not make
    it jump; where one of them is NaN, so is the mean.

    Args:
        groups: experiments; the place in the list is the colour.
        stage: name of the stage.
        key: name of the metric.
        kind: stroke of the main line; all but "mean" leave out the single seeds.
    """
    found = []
    for tone, group in enumerate(groups):
        curves = [(run, *run.curve(stage, key)) for run in group.runs]
        curves = [(run, x, y) for run, x, y in curves if len(x)]
        if not curves:
            continue
        if len(curves) > 1 and kind == "mean":
            found += [figures.Line(x, y, tone, "seed", f"{group.name}, seed {run.seed}") for run, x, y in curves]
        shared = sorted(set.intersection(*(set(x) for _, x, _ in curves)))
        mean = np.mean([y[np.isin(x, shared)] for _, x, y in curves], axis=0)
        found.append(figures.Line(np.array(shared), mean, tone, kind, f"{group.name}, {len(curves)} run(s)"))
    return found


def _stage(groups: Sequence[RunGroup], stage: str) -> list[str]:
    """Markup of a stage: its most telling panels side by side, the others to be opened."""
    levels = _plateaus(groups, stage)
    collapsed = "Dashed: what collapsed embeddings cost, ln(N - 1) on the scale of this loss." if levels else ""
    train, test = lines(groups, stage, "train_accuracy", kind="train"), lines(groups, stage, "test_accuracy")
    strokes = "Solid: test images. Dotted: training images." if train else ""
    panels = [
        _panel("Loss", lines(groups, stage, "loss"), levels=levels, caption=collapsed),
        _panel("Top-1 accuracy", train + test, percent=True, caption=strokes),
        _panel(
            "Mean average precision",
            lines(groups, stage, "test_mean_average_precision"),
            percent=True,
            caption="Test images, 11-point, mean over classes.",
        ),
        _panel(
            "Nearest-neighbour accuracy",
            lines(groups, stage, "knn_accuracy"),
            percent=True,
            caption="Test images, by a weighted vote of their neighbours among the training images.",
        ),
    ]
    more = [_folded("Diagnosis", _diagnosis(groups, stage)), _folded("Pace of this stage", _pace(groups, stage))]
    return [page.pair([panel for panel in panels if panel]), *more]


def _diagnosis(groups: Sequence[RunGroup], stage: str) -> list[str]:
    """Panels of what `training/diagnostics.py` measured."""
    ends = [
        line
        for pair in ("positive", "negative")
        for end in ("p5", "p95")
        for line in lines(groups, stage, f"{pair}_similarity_{end}", kind="seed")
    ]
    medians = lines(groups, stage, "positive_similarity_p50", kind="median")
    medians += lines(groups, stage, "negative_similarity_p50", kind="train")
    return [
        _panel(
            "Similarity of pairs",
            medians + ends,
            caption="Medians: solid of positives, dotted of negatives. Thin: 5% and 95% of each.",
        ),
        _panel("Effective rank", lines(groups, stage, "effective_rank"), caption="Directions that embeddings use."),
        _panel(
            "Alignment", lines(groups, stage, "alignment"), caption="Squared distance of positives; lower is closer."
        ),
        _panel(
            "Uniformity", lines(groups, stage, "uniformity"), caption="0 when all embeddings are equal; lower is wider."
        ),
        _panel("Gradient norm", lines(groups, stage, "gradient_norm")),
        _panel("Norm of an update", lines(groups, stage, "update_norm")),
        _panel("Positives of an anchor", lines(groups, stage, "positives_mean")),
        _panel("Anchors without positives", lines(groups, stage, "positives_none"), percent=True),
    ]


def _pace(groups: Sequence[RunGroup], stage: str) -> list[str]:
    return [
        _panel("Learning rate", lines(groups, stage, "learning_rate")),
        _panel("Images per second", lines(groups, stage, "images_per_second")),
        _panel("Share of time waiting for images", lines(groups, stage, "input_share"), percent=True),
        _panel("Memory of the process, MB", lines(groups, stage, "memory_mb")),
    ]


def _folded(title: str, panels: Sequence[str]) -> str:
    found = [panel for panel in panels if panel]
    return page.details(title, page.pair(found)) if found else ""


def _panel(title: str, found: Sequence[figures.Line], *, caption: str = "", **options) -> str:
    if not any(np.isfinite(line.y).any() for line in found):
        return ""
    return page.figure(title, figures.line_chart(found, **options), caption=caption)


def _plateaus(groups: Sequence[RunGroup], stage: str) -> list[figures.Level]:
    """The loss of collapsed embeddings of each experiment; one neutral line where they share it."""
    levels = []
    for tone, group in enumerate(groups):
        values = np.concatenate([run.curve(stage, "plateau")[1] for run in group.runs])
        values = values[np.isfinite(values)]
        if len(values):
            levels.append(figures.Level(float(values[-1]), "collapsed embeddings", tone))
    if levels and all(np.isclose(level.value, levels[0].value, rtol=1e-3) for level in levels):
        return [figures.Level(levels[0].value, "collapsed embeddings")]
    return levels


def _absent(groups: Sequence[RunGroup], stage: str) -> str:
    names = [group.name for group in groups if not _epochs(group, stage)]
    return page.note(f"Without this stage: {', '.join(names)}.") if names else ""


def _not_finite(groups: Sequence[RunGroup]) -> list[str]:
    sentences = []
    for group in groups:
        for run in group.runs:
            for stage in TITLES:
                epochs, values = run.curve(stage, "loss")
                bad = epochs[~np.isfinite(values)]
                if len(bad):
                    sentences.append(
                        f"{group.name}, seed {run.seed}: the loss of the {stage} stage is not a number in "
                        f"{len(bad)} of {len(epochs)} epochs, first in epoch {bad[0]:g}."
                    )
    return sentences


def _epochs(group: RunGroup, stage: str) -> int:
    return sum(line["stage"] == stage for run in group.runs for line in run.metrics)


def _several_seeds(groups: Sequence[RunGroup]) -> bool:
    return any(len(group.runs) > 1 for group in groups)
