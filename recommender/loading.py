"""Reading the parts of the bundle in force, and what stands in where it lacks one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from data.artifacts import Bundle, current_bundle
from data.errors import ArtifactError, BundleCorruptError, BundleNotFoundError
from data.reduction import PcaReducer
from data.settings import Settings
from nlp.encoder import PACKAGED
from nlp.mood import MoodModel
from recommender.model import FILE_NAME, RecommenderModel
from recommender.publishing import REDUCER_NAME, RUN_FILES, read_record, shipped_file
from recommender.space import LyricSpace

Report = Callable[[str], None]


def bundle_or_none(settings: Settings) -> Bundle | None:
    """Open the bundle in force, verified; None where none is published.

    Raises:
        BundleCorruptError: if it does not verify.
    """
    try:
        return current_bundle(settings.bundles)
    except BundleNotFoundError:
        return None


def load_model(settings: Settings, bundle: Bundle) -> tuple[RecommenderModel, LyricSpace]:
    """Load a bundle's model and what places lyrics among its songs.

    Raises:
        BundleCorruptError: if a file of the bundle is of another version of Attune.
    """
    model = RecommenderModel.load(bundle.file(FILE_NAME))
    try:
        reducer = PcaReducer.load(bundle.file(REDUCER_NAME)) if bundle.has(REDUCER_NAME) else None
        mood = (
            MoodModel.load(bundle.file("mood.npz"))
            if fits_encoder(settings, bundle.file("mood.json"))
            else None
        )
    except BundleCorruptError:
        raise
    except ArtifactError as exc:
        raise BundleCorruptError(
            f"{exc}: it was written by another version of Attune, train again by"
            " `attune train recommender` and `attune publish`"
        ) from exc
    return model, LyricSpace(reducer, mood)


def mood_files(
    settings: Settings, report: Report = lambda line: None, mood_run: Path | None = None
) -> dict[str, Path]:
    """Return the mood model that songs' moods come from: of the run, the bundle, or shipped."""
    names = RUN_FILES["mood"]
    if mood_run is not None:
        read_record(mood_run)
        return {n: mood_run / n for n in names}
    bundle = bundle_or_none(settings)
    if bundle is not None:
        try:
            MoodModel.load(bundle.file("mood.npz"))
        except ArtifactError:
            report(
                "the bundle's mood model is of another version of Attune: the shipped one is taken"
            )
        else:
            return {n: bundle.file(n) for n in names}
    return {n: shipped_file(n) for n in names}


def fits_encoder(settings: Settings, card: Path) -> bool:
    """Tell whether a mood model was trained on vectors of the configured encoder."""
    name = settings.encoder_model or PACKAGED
    return (
        Path(str(json.loads(card.read_text(encoding="utf-8"))["encoder"])).name == Path(name).name
    )
