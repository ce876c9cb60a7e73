"""A small encoder that needs nothing downloaded: weighted means of word-piece vectors.

The base install has no MiniLM (90 MB). Its stand-in, 4 MB in ``nlp/weights/words.npz``, gives
each word piece a vector such that the mean over a text's pieces lands near MiniLM's vector of the
text. Word order is lost: ``nlp/weights/words.md`` says what that costs. Made by
``python -m nlp.word_training``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import ArtifactError
from data.files import load_arrays
from data.types import FloatArray
from nlp.cleaning import clean_lyrics
from nlp.text import Report

_ARRAYS = ("name", "pieces", "codes", "scales", "map", "bias")
_UNKNOWN = "[UNK]"


def shipped_words() -> Path:
    """Return where the shipped word vectors are."""
    return Path(str(files("nlp") / "weights" / "words.npz"))


class WordTextEncoder:
    """A :class:`nlp.text.TextEncoder` of word-piece vectors.

    A text none of whose words is in the Latin alphabet has a row of NaN, as one where cleaning
    leaves nothing has: this encoder cannot read it, and NaN is how that is said here.

    Args:
        path: an ``.npz`` of ``nlp.word_training``; default: the shipped one.

    Raises:
        ArtifactError: if the file is not such an encoder.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or shipped_words()
        arrays = load_arrays(path, _ARRAYS)
        check_arrays(path, arrays)
        self._name = str(arrays["name"])
        # codes int8 (pieces, r); scales float32 (pieces,); map float32 (r, d); bias float32 (d,)
        self._codes = arrays["codes"]
        self._scales = arrays["scales"].astype(np.float32)
        self._map = arrays["map"].astype(np.float32)
        self._bias = arrays["bias"].astype(np.float32)
        self._tokenizer = open_tokenizer(unpack_pieces(arrays["pieces"]))

    @property
    def name(self) -> str:
        """What vectors of this encoder are filed under in a :class:`nlp.vectors.VectorStore`."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._map.shape[1])

    def encode(self, texts: Sequence[str], report: Report | None = None) -> FloatArray:
        """Encode texts, raw or cleaned; see :class:`nlp.text.TextEncoder`."""
        found = np.full((len(texts), self.dimension), np.nan, dtype=np.float32)
        cleaned = [clean_lyrics(text) for text in texts]
        for row, (ids, weights) in enumerate(weighted_pieces(self._tokenizer, cleaned)):
            if len(ids):
                rows = self._codes[ids].astype(np.float32)
                found[row] = (weights * self._scales[ids]) @ rows @ self._map + self._bias
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        if report:
            report(f"encoded {len(texts)} texts by their words")
        return found


def open_tokenizer(pieces: Sequence[str]) -> Any:
    """Return a tokenizer that cuts words as MiniLM's does, over these pieces only.

    Args:
        pieces: word pieces; row 0 must be ``[UNK]``, which stands for what is none of the others.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def weighted_pieces(
    tokenizer: Any, texts: Sequence[str]
) -> list[tuple[NDArray[np.int64], FloatArray]]:
    """Return each text's distinct pieces and their weights, which sum to one.

    A piece weighs the square root of how often it comes: a word sung forty times says more than
    one sung once, but not forty times more.
    """
    readable = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    found = []
    for encoding in tokenizer.encode_batch_fast(readable):
        ids, counts = np.unique(np.array(encoding.ids, dtype=np.int64), return_counts=True)
        known = ids > 0
        weights = np.sqrt(counts[known]).astype(np.float32)
        found.append((ids[known], weights / max(float(weights.sum()), 1.0)))
    return found


def pack_pieces(pieces: Sequence[str]) -> NDArray[np.uint8]:
    """Return pieces as bytes, one a line."""
    return np.frombuffer("\n".join(pieces).encode("ascii"), np.uint8)


def unpack_pieces(packed: NDArray[np.uint8]) -> list[str]:
    """Undo :func:`pack_pieces`."""
    return packed.tobytes().decode("ascii").split("\n")


def check_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Check that shapes agree.

    Raises:
        ArtifactError: if they do not.
    """
    codes, pieces = arrays["codes"], arrays["pieces"]
    lines = int((pieces == ord("\n")).sum()) + 1 if pieces.dtype == np.uint8 else -1
    good = (
        codes.dtype == np.int8
        and codes.ndim == arrays["map"].ndim == 2
        and arrays["scales"].shape == (len(codes),) == (lines,)
        and arrays["map"].shape == (codes.shape[1], len(arrays["bias"]))
    )
    if not good:
        raise ArtifactError(f"{path} is no word encoder: its arrays do not fit together")
