"""``python -m tests.fuzz.guided TARGET FOLDER [-runs=N ...]``: a target under atheris (libFuzzer).

Coverage of our own packages, of Pillow's Python and of the form parser steers the mutations, which
finds what blind ones do not. FOLDER takes the corpus; further arguments are libFuzzer's. Atheris
stops at the first finding and writes its bytes to ``crash-...``. Needs the extra: attune[fuzz].
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import atheris

_WATCHED = [
    "PIL", "python_multipart", "api.uploads", "api.sessions", "api.playlist_files",
    "data.artifacts", "data.files", "data.frames", "data.ingest", "data.playlist_formats",
    "nlp.mood", "nlp.vectors", "recommender.catalogue", "recommender.model",
    "recommender.mood", "recommender.text", "vision.images",
]  # fmt: skip


def main() -> None:
    """Fuzz one target until libFuzzer stops."""
    name, corpus = sys.argv[1], Path(sys.argv[2])
    with atheris.instrument_imports(include=_WATCHED):
        run = importlib.import_module("tests.fuzz.run")
    (target,) = run.chosen([name])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = corpus.with_suffix(".dict")
    escaped = ("".join(f"\\x{byte:02x}" for byte in token) for token in target.tokens)
    words.write_text("".join(f'"{line}"\n' for line in escaped if len(line) < 400))
    options = [str(corpus), f"-dict={words}", "-timeout=10", "-rss_limit_mb=3000", *sys.argv[3:]]

    def one(data: bytes) -> None:
        target.run(data)

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
