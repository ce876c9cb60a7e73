"""The shipped vectors of the demo songs' lyrics, thanks to which the demo needs no torch.

After a change to a demo lyric: ``python -m nlp.demo``.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from data.datasets.demo.catalogue import load_artists
from nlp.config import EncoderConfig
from nlp.encoder import LyricEncoder, embed_missing
from nlp.vectors import VectorStore


def demo_vectors_path() -> Path:
    """Return where the shipped store of demo lyric vectors is."""
    return Path(str(files("data.datasets.demo") / "lyric_vectors.npz"))


def write_demo_vectors(path: Path, encoder: LyricEncoder) -> int:
    """Embed every demo lyric into a new store at ``path``; return how many there are."""
    path.unlink(missing_ok=True)
    store = VectorStore(path, dimension=encoder.dimension, model=encoder.name)
    lyrics = [song.lyrics for artist in load_artists() for song in artist.songs]
    made = embed_missing(encoder, store, lyrics)
    # The shipped store is read-only: its writers' lock file does not belong to the package.
    path.with_suffix(".lock").unlink(missing_ok=True)
    return made


if __name__ == "__main__":
    write_demo_vectors(demo_vectors_path(), LyricEncoder(EncoderConfig(threads=1)))
