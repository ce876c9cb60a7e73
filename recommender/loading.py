"""Reading the parts of the bundle in force, and what stands in where it lacks one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from data.artifacts import Bundle, current_bundle
from data.db.repositories import SongRepository
from data.db.session import Database
from data.errors import ArtifactError, BundleCorruptError, BundleNotFoundError, StorageError
from data.reduction import PcaReducer
from data.settings import Settings
from nlp.encoder import PACKAGED
from nlp.mood import MoodModel
from recommender.filters import SongFacts
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
    if model.catalogue.facts is None:
        model = with_facts(settings, model)
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


def with_facts(settings: Settings, model: RecommenderModel) -> RecommenderModel:
    """Read what filters ask about, which an old bundle lacks, from the database.

    Where that does not answer, nothing is known of any song until the next reload.
    """
    catalogue = model.catalogue
    database = Database(settings.sqlalchemy_url)
    try:
        database.check_schema()
        with database.session() as session:
            blocks = SongRepository(session).iter_catalogue()
            songs = [song for block in blocks for song in block if song.id in catalogue.positions]
    except StorageError:
        return model
    finally:
        database.dispose()
    at = catalogue.locate([song.id for song in songs])
    facts = SongFacts.unknown(len(catalogue)).with_songs(songs, at, len(catalogue))
    return replace(model, catalogue=replace(catalogue, facts=facts))


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
