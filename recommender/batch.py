"""Playlists for many users at once, through the pipeline that answers requests.

Users are worked through in blocks; each block is one Parquet part, written beside its place and
renamed, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data.db.session import Database
from data.errors import ConfigError
from data.types import Song
from recommender.answering import answer_query
from recommender.engine import Engine
from recommender.journeys.answering import answer_playlist
from recommender.journeys.query import JourneyQuery, PlaylistAnswer, PlaylistSong
from recommender.query import Query, RankedSong, Recommendation

Report = Callable[[str], None]
BLOCK = 200


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch wrote."""

    users: int
    rows: int
    resumed_parts: int
    path: Path


def generate_playlists(
    engine: Engine,
    database: Database,
    users: Sequence[str],
    template: Query | JourneyQuery,
    out: Path,
    *,
    report: Report = lambda line: None,
    block: int = BLOCK,
) -> BatchResult:
    """Write one ranked list per user.

    Args:
        users: user ids; unknown ones get the cold-start list, as in a request.
        template: the query asked for every user; its ``user_id`` is replaced. A journey's rows tell
            in ``path_valence`` and ``path_arousal`` where the path is at their rank.
        out: ``NAME.parquet`` for one file, else a folder of parts.
        report: called with one line per block.

    Raises:
        ConfigError: if ``out`` holds the parts of another batch.
    """
    single = out.suffix == ".parquet"
    folder = out.with_name(f".{out.name}.parts") if single else out
    _claim(folder, users, template, engine)
    journey = isinstance(template, JourneyQuery)
    resumed = rows = 0
    blocks = [users[i : i + block] for i in range(0, len(users), block)]
    for number, part_users in enumerate(blocks):
        part = folder / f"part-{number:05d}.parquet"
        if part.exists():
            resumed += 1
        else:
            _write_part(part, list(_rows(engine, database, part_users, template)), journey)
        rows += _count(part)
        report(f"{min((number + 1) * block, len(users))}/{len(users)} users")
    if single:
        _join(folder, len(blocks), out, journey)
    return BatchResult(len(users), rows, resumed, out)


def _rows(
    engine: Engine, database: Database, users: Sequence[str], template: Query | JourneyQuery
) -> Iterator[dict[str, object]]:
    for user in users:
        if isinstance(template, JourneyQuery):
            yield from _journey_rows(engine, database, replace(template, user_id=user))
        else:
            yield from _list_rows(engine, database, replace(template, user_id=user))


def _list_rows(engine: Engine, database: Database, query: Query) -> Iterator[dict[str, object]]:
    found = answer_query(engine, database, query)
    for ranked in found.recommendation.songs:
        yield _row(query.user_id, ranked, found.songs[ranked.song_id], found.recommendation)


def _journey_rows(
    engine: Engine, database: Database, query: JourneyQuery
) -> Iterator[dict[str, object]]:
    found = answer_playlist(engine, database, query)
    for one in found.answer.songs:
        yield {
            **_row(query.user_id, one, found.songs[one.song_id], found.answer),
            "path_valence": None if one.point is None else one.point.valence,
            "path_arousal": None if one.point is None else one.point.arousal,
        }


def _row(
    user: str, one: RankedSong | PlaylistSong, song: Song, answer: Recommendation | PlaylistAnswer
) -> dict[str, object]:
    """Return what lists and journeys tell of a song."""
    return {
        "user": user,
        "rank": one.rank,
        "song": one.song_id,
        "title": song.title,
        "artist": song.artist,
        "score": one.score,
        "fallback": answer.fallback,
        "model_version": answer.model_version,
    }


def _claim(
    folder: Path, users: Sequence[str], template: Query | JourneyQuery, engine: Engine
) -> None:
    """Write, or compare with, the description of the batch that the folder belongs to."""
    asked = "journey" if isinstance(template, JourneyQuery) else "query"
    description = {
        asked: asdict(template),
        "model_version": engine.version,
        "users": len(users),
        "users_sha256": hashlib.sha256("\n".join(users).encode()).hexdigest(),
    }
    text = json.dumps(description, indent=1, sort_keys=True)
    manifest = folder / "batch.json"
    if manifest.exists():
        if manifest.read_text(encoding="utf-8") != text:
            raise ConfigError(
                f"{folder} holds a batch of other users, settings or model: "
                "choose another --out, or delete it"
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty and holds no batch: choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    manifest.write_text(text, encoding="utf-8")


def _write_part(path: Path, rows: list[dict[str, object]], journey: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [
        ("user", pa.string()), ("rank", pa.int32()), ("song", pa.string()),
        ("title", pa.string()), ("artist", pa.string()), ("score", pa.float32()),
        ("fallback", pa.string()), ("model_version", pa.string()),
    ]  # fmt: skip
    if journey:
        columns += [("path_valence", pa.float32()), ("path_arousal", pa.float32())]
    schema = pa.schema(columns)
    partial = path.with_name(f"partial-{path.name}")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), partial)
    os.replace(partial, path)


def _count(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _join(folder: Path, parts: int, out: Path, journey: bool) -> None:
    import shutil

    import pyarrow.parquet as pq

    partial = out.with_name(f"partial-{out.name}")
    names = [folder / f"part-{i:05d}.parquet" for i in range(parts)]
    if names:
        with pq.ParquetWriter(partial, pq.read_schema(names[0])) as writer:
            for name in names:
                writer.write_table(pq.read_table(name))
    else:
        _write_part(out, [], journey)
        shutil.rmtree(folder)
        return
    os.replace(partial, out)
    shutil.rmtree(folder)
