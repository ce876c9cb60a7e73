"""The shipped vectors of the demo songs' lyrics, thanks to which the demo needs no torch.

After a change to a demo lyric: ``python -m nlp.demo``.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from data.datasets.demo.catalogue import load_artists
from nlp.config import EncoderConfig
from nlp.encoder import LyricEncoder, embed_missing
from nlp.vectors import VectorStore

#: How the shipped vectors are made. Nothing in it depends on the processor, as "auto" would.
DEMO_ENCODER = EncoderConfig(precision="float32", threads=1)


def demo_vectors_path() -> Path:
    """Return where the shipped store of demo lyric vectors is."""
    return Path(str(files("data.datasets.demo") / "lyric_vectors.npz"))


def write_demo_vectors(path: Path, encoder: LyricEncoder | None = None) -> int:
    """Embed every demo lyric into a new store at ``path``; return how many there are.

    What is at ``path`` is replaced at the end, when every vector is made, or not at all.

    Args:
        path: the ``.npz``.
        encoder: by default that of :data:`DEMO_ENCODER`.

    Raises:
        MissingExtraError: if sentence-transformers is not installed.
    """
    encoder = encoder or LyricEncoder(DEMO_ENCODER)
    dimension = encoder.dimension  # loads the network
    lyrics = [song.lyrics for artist in load_artists() for song in artist.songs]
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        # A folder of its own: the store's journal and lock file go with it.
        store = VectorStore(Path(folder) / path.name, dimension=dimension, model=encoder.name)
        made = embed_missing(encoder, store, lyrics)
        os.replace(store.path, path)
    return made


if __name__ == "__main__":
    write_demo_vectors(demo_vectors_path())
