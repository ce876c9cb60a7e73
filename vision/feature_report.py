"""The study of features as files: Markdown, JSON and two plots. No feature is kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from vision.features import FeatureConfig, FeatureStudy
from vision.plots import plot_dimensions, plot_faces_on_plane


def write_features(study: FeatureStudy, config: FeatureConfig, out: Path) -> None:
    """Write ``report.md``, ``metrics.json``, ``dimensions.png`` and ``plane.png``.

    Args:
        study: what was measured.
        config: the splits.
        out: folder, made if absent.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(_figures(study), indent=1), encoding="utf-8")
    points = [(r.dimensions, r.accuracy, *r.interval) for r in study.rows]
    plot_dimensions(study.spectrum, points, study.own_accuracy, out / "dimensions.png")
    plot_faces_on_plane(study.points, study.labels, out / "plane.png")
    (out / "report.md").write_text(features_text(study, config), encoding="utf-8")


def features_text(study: FeatureStudy, config: FeatureConfig) -> str:
    """Return the report as Markdown."""
    return "\n".join(
        [
            "# Features of the expression network",
            "",
            f"The {study.width} numbers before the last layer, reduced by PCA. Components and "
            f"probes are fitted on {study.fitted} pictures of {config.fit}, which the network was "
            f"not trained on, and scored on {study.shown} of {config.show}. The network's own last "
            f"layer is right on {study.own_accuracy:.2%} of them.",
            "",
            "| components | variance given back | accuracy of a linear probe (95 %) |",
            "|---|---|---|",
            *(
                f"| {r.dimensions} | {r.explained:.1%} | {r.accuracy:.2%} "
                f"({r.interval[0]:.2%} to {r.interval[1]:.2%}) |"
                for r in study.rows
            ),
            "",
            "Fewest components that keep a share of the variance: "
            + ", ".join(f"{share:.0%} {k}" for share, k in study.sizes.items())
            + ".",
            "",
            "![variance and accuracy by components](dimensions.png)",
            "",
            f"![{config.show} on the two leading components](plane.png)",
            "",
        ]
    )


def _figures(study: FeatureStudy) -> dict[str, object]:
    """Return the measured figures; where each face lies stays out."""
    return {
        "width": study.width,
        "fitted": study.fitted,
        "shown": study.shown,
        "own_accuracy": study.own_accuracy,
        "rows": [asdict(row) for row in study.rows],
        "sizes": study.sizes,
        "spectrum": study.spectrum.tolist(),
    }
