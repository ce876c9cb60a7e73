"""The studies of the moment in words, numbers and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from recommender.metrics import Interval
from recommender.moment_study.camera import CameraStudy
from recommender.moment_study.config import MomentStudyConfig
from recommender.moment_study.plots import plot_camera, plot_curves
from recommender.moment_study.ranking import SystemRow
from recommender.moment_study.recovery import Recovery
from recommender.moment_study.study import MomentStudy
from recommender.moment_study.tradeoff import Way


def write_study(study: MomentStudy, config: MomentStudyConfig, out: Path) -> None:
    """Write ``report.md``, ``metrics.json`` and the plots.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    out.mkdir(parents=True, exist_ok=True)
    document = {"config": config.model_dump(mode="json"), "study": asdict(study)}
    (out / "metrics.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    lines = ["# Emotion of the moment", "", "95 % bootstrap intervals over users throughout.", ""]
    lines += [f"- {name}: {value}" for name, value in study.sizes.items()]
    lines += [f"- seed: {config.seed}", ""]
    for recovery in _recovery(study.recovery), _systems(study.systems, config.cutoff):
        lines += recovery
    lines += _curves("Trade-off, simulated listeners", study.trade_off, "tradeoff.png")
    plot_curves(study.trade_off, config.cutoff, out / "tradeoff.png")
    if study.real is not None:
        lines += _curves("Trade-off, real music, random moods", study.real, "tradeoff_real.png")
        plot_curves(study.real, config.cutoff, out / "tradeoff_real.png")
    if study.camera is not None:
        lines += _camera(study.camera)
        plot_camera(study.camera, out / "camera.png")
    (out / "report.md").write_text("\n".join(lines), encoding="utf-8")


def _recovery(found: Mapping[str, Sequence[Recovery]]) -> list[str]:
    head = ["listeners with at least", "listeners", "strength and beta, Pearson", "Spearman",
            "lift tells who compensates, AUC"]  # fmt: skip
    lines = ["## The learned response against the truth", ""]
    for name, rows in found.items():
        cells = [
            [f"{r.least} moments", str(r.users), str(r.strength_pearson),
             str(r.strength_spearman), str(r.lift_auc)]
            for r in rows
        ]  # fmt: skip
        lines += [f"{name.capitalize()}:", "", *table(head, cells), ""]
    return lines


def _systems(systems: Mapping[str, SystemRow], k: int) -> list[str]:
    head = ["emotion", "strength", f"nDCG@{k}", "against off", "distance to the true target",
            "against off"]  # fmt: skip
    rows = [
        [name, f"{r.strength:g}", str(r.ndcg), percent(r.ndcg_change), str(r.distance),
         percent(r.distance_change)]
        for name, r in systems.items()
    ]  # fmt: skip
    return ["## Later sessions, ranked", "", *table(head, rows), ""]


def _curves(title: str, ways: Mapping[str, Way], plot: str) -> list[str]:
    head = ["way", "strength that halves it (validation)", "distance, test", "nDCG, test"]
    rows = []
    for name, way in ways.items():
        point = way.halved or min(way.curve, key=lambda p: p.distance_change.mean)
        at = f"{point.strength:.3g}" if way.halved else f"none; nearest at {point.strength:g}"
        rows.append([name, at, percent(point.distance_change), percent(point.ndcg_change)])
    served = list(ways.values())[-1]
    curve = [
        [f"{p.strength:g}", percent(p.distance_change), percent(p.ndcg_change), str(p.ndcg)]
        for p in served.curve
    ]
    lines = [f"## {title}", "", *table(head, rows), "", f"![curves]({plot})", "", "As served:", ""]
    return [*lines, *table(["strength", "distance", "nDCG", "nDCG itself"], curve), ""]


def _camera(camera: CameraStudy) -> list[str]:
    head = ["sessions", "n", "nDCG off", "plain rule", "learned response"]
    rows = [
        [name, str(s.occasions), f"{s.off:.4f}", percent(s.plain), percent(s.learned)]
        for name, s in camera.segments.items()
    ]
    lines = ["## With the camera's real answers", "", *table(head, rows), ""]
    lines += [f"- distance to the true target, {n}: {percent(i)}" for n, i in camera.nearer.items()]
    return [*lines, "", "![camera](camera.png)", ""]


def percent(value: Interval) -> str:
    """Return a relative change in percent with its interval."""
    return f"{100 * value.mean:+.1f} % ({100 * value.low:+.1f}..{100 * value.high:+.1f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]
