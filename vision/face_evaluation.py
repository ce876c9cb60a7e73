"""How the chain from photo to expression bears up under other conditions, as one table."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
from pydantic import Field

from data.config import FrozenConfig
from data.errors import DatasetNotFoundError
from data.types import EMOTIONS, EmotionScores, FaceBox
from vision.config import ImageLimits
from vision.errors import NoFaceError
from vision.images import decode_photo
from vision.reader import ExpressionReader
from vision.variations import TIGHT, VARIATIONS, Picture, cropped

_QUALITY = 92  # of the JPEG that a varied photo is sent as


class PhotoConfig(FrozenConfig):
    """What is to be seen in one photo."""

    file: str
    faces: int = Field(ge=0, description="counted by eye")
    expression: str | None = Field(
        None, pattern=f"^({'|'.join(EMOTIONS)})$", description="of the only face, if it is known"
    )


class FaceEvaluationConfig(FrozenConfig):
    """Photos of a folder, and what is to be seen in them."""

    photo: tuple[PhotoConfig, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class VariationRow:
    """Counts over the photos of one variation.

    ``kept`` counts single-face photos that read as they do unvaried, of ``single`` photos that
    were read unvaried; ``right`` those that read as labelled, of ``labelled``. ``ms`` is the median
    time of a photo from bytes to answer.
    """

    variation: str
    photos: int
    faces: int
    found: int
    invented: int
    single: int
    kept: int
    labelled: int
    right: int
    ms: float


def evaluate_faces(
    reader: ExpressionReader,
    config: FaceEvaluationConfig,
    folder: Path,
    report: Callable[[str], None] = lambda line: None,
) -> list[VariationRow]:
    """Read every photo under every variation.

    Raises:
        DatasetNotFoundError: if a photo is not in ``folder``.
    """
    pictures = [(photo, _read(folder / photo.file, reader.limits)) for photo in config.photo]
    plain = {photo.file: _answer(reader, picture) for photo, picture in pictures}
    rows = []
    for name, varied in _variations(pictures, {k: v[0] for k, v in plain.items()}):
        report(name)
        answers = [(photo, *_answer(reader, picture)) for photo, picture in varied]
        rows.append(_row(name, answers, {k: v[0] for k, v in plain.items()}))
    return rows


def write_face_report(rows: Sequence[VariationRow], out: Path) -> None:
    """Write ``report.md`` and ``metrics.json``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.md").write_text(table_text(rows), encoding="utf-8")
    text = json.dumps([asdict(row) for row in rows], indent=1)
    (out / "metrics.json").write_text(text, encoding="utf-8")


def table_text(rows: Sequence[VariationRow]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| variation | photos | faces found | invented | expression kept | expression right | ms |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {r.variation} | {r.photos} | {r.found} of {r.faces} | {r.invented} | "
            f"{r.kept} of {r.single} | {r.right} of {r.labelled} | {r.ms:.0f} |"
            for r in rows
        ),
    ]
    return "\n".join(lines) + "\n"


def _variations(
    pictures: list[tuple[PhotoConfig, Picture]], plain: dict[str, EmotionScores | None]
) -> Iterator[tuple[str, list[tuple[PhotoConfig, Picture]]]]:
    for name, vary in VARIATIONS.items():
        yield name, [(photo, vary(picture)) for photo, picture in pictures]
    for name, margin in TIGHT.items():
        boxes: list[tuple[PhotoConfig, Picture, FaceBox]] = [
            (photo, picture, scores.box)
            for photo, picture in pictures
            if (scores := plain[photo.file]) and scores.box and photo.faces == 1
        ]
        yield name, [(photo, cropped(picture, box, margin)) for photo, picture, box in boxes]


def _row(
    name: str,
    answers: Sequence[tuple[PhotoConfig, EmotionScores | None, float]],
    plain: dict[str, EmotionScores | None],
) -> VariationRow:
    faces = [(photo, scores.faces if scores else 0) for photo, scores, _ in answers]
    single = [(p, s) for p, s, _ in answers if p.faces == 1 and plain[p.file]]
    labelled = [(p, s) for p, s, _ in answers if p.expression]
    return VariationRow(
        variation=name,
        photos=len(answers),
        faces=sum(photo.faces for photo, _ in faces),
        found=sum(min(photo.faces, found) for photo, found in faces),
        invented=sum(max(0, found - photo.faces) for photo, found in faces),
        single=len(single),
        kept=sum(_label(s) == _label(plain[p.file]) for p, s in single),
        labelled=len(labelled),
        right=sum(_label(s) == p.expression for p, s in labelled),
        ms=statistics.median(ms for _, _, ms in answers),
    )


def _label(scores: EmotionScores | None) -> str | None:
    return scores.label if scores else None


def _answer(reader: ExpressionReader, picture: Picture) -> tuple[EmotionScores | None, float]:
    """Send the picture as a JPEG, as a client would."""
    coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    data = coded.tobytes()
    begun = time.perf_counter()
    try:
        scores: EmotionScores | None = reader.read([data])
    except NoFaceError:
        scores = None
    return scores, (time.perf_counter() - begun) * 1000


def _read(path: Path, limits: ImageLimits) -> Picture:
    try:
        return decode_photo(path.read_bytes(), limits, gray=False).pixels
    except FileNotFoundError as exc:
        raise DatasetNotFoundError(f"no photo at {path}: see the configuration") from exc
