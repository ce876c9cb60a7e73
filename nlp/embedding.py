"""What every lyrics encoder shares: text to chunks, chunk vectors to one vector, and the cache.

An encoder reads at most 256 word pieces and a lyric is longer, so its stanzas are packed into
chunks and the chunks' vectors are pooled. No torch here.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray
from nlp.cleaning import clean_lyrics, stanzas, text_key
from nlp.config import EncoderConfig, Pooling
from nlp.text import Report, TextEncoder
from nlp.vectors import VectorStore

Ids = NDArray[np.int64]
#: Texts embedded between two writes, unless the encoder says. Their chunks are sorted by length
#: together, so a larger block wastes less on padding; a kill costs at most this many.
BLOCK = 1024


class ChunkEncoder(ABC):
    """A :class:`nlp.text.TextEncoder` that reads chunks; ``config`` says how texts are cut."""

    config: EncoderConfig

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of a vector."""

    @abstractmethod
    def encode_chunks(self, chunks: Sequence[str]) -> FloatArray:
        """Encode texts as they are, in batches of like length.

        Returns:
            float32 (n, dimension), rows of unit L2 norm.
        """

    def encode(self, texts: Sequence[str], report: Report | None = None) -> FloatArray:
        """Encode lyrics, raw or cleaned.

        Returns:
            float32 (n, dimension). Each row pools the text's chunks as ``config.pooling`` says and
            has unit L2 norm; NaN where cleaning leaves nothing to read.
        """
        return encode_by_chunks(
            texts,
            self.encode_chunks,
            self.dimension,
            max_words=self.config.max_words,
            pooling=self.config.pooling,
            report=report,
        )


def encode_by_chunks(
    texts: Sequence[str],
    encode_chunks: Callable[[list[str]], FloatArray],
    dimension: int,
    *,
    max_words: int = 180,
    pooling: Pooling = "words",
    report: Report | None = None,
) -> FloatArray:
    """Clean texts, cut them into chunks, encode each distinct chunk once, and pool.

    Args:
        texts: n texts, raw or cleaned.
        encode_chunks: m distinct texts, none empty, to float32 (m, dimension).
        dimension: length of a vector.
        max_words: longest chunk, see :func:`nlp.cleaning.stanzas`.
        pooling: see :func:`pool_chunks`.
        report: receives one line.

    Returns:
        float32 (n, dimension), rows of unit L2 norm; NaN where cleaning leaves nothing to read.
    """
    chunked = [stanzas(clean_lyrics(text), max_words) for text in texts]
    if pooling == "first":
        chunked = [chunks[:1] for chunks in chunked]
    flat = [chunk for chunks in chunked for chunk in chunks]
    if not flat:
        return np.full((len(texts), dimension), np.nan, dtype=np.float32)
    row_of = {chunk: i for i, chunk in enumerate(dict.fromkeys(flat))}
    vectors = encode_chunks(list(row_of))[[row_of[chunk] for chunk in flat]]
    words = np.array([len(chunk.split()) for chunk in flat], dtype=np.float32)
    owner = np.repeat(np.arange(len(texts)), [len(chunks) for chunks in chunked])
    if report:
        report(f"encoded {len(texts)} lyrics in {len(flat)} chunks")
    return pool_chunks(vectors, words, owner, len(texts), pooling)


def pool_chunks(
    vectors: FloatArray,
    words: FloatArray,
    owner: NDArray[np.intp],
    n: int,
    pooling: Pooling = "words",
) -> FloatArray:
    """Combine chunk vectors to text vectors.

    ``words`` weights each chunk by its words, ``sqrt`` by their square root (a chunk's mean over
    more words is less noisy, but not in proportion), ``mean`` equally; ``max`` takes the largest
    of each number; ``first`` the first chunk alone.

    Args:
        vectors: float32 (m, d).
        words: float32 (m,), words in each chunk.
        owner: int (m,), non-decreasing: the text that each chunk is of.
        n: number of texts.
        pooling: the way.

    Returns:
        float32 (n, d), rows of unit L2 norm; NaN for texts without a chunk.
    """
    found = np.full((n, vectors.shape[1]), np.nan, dtype=np.float32)
    owners, starts = np.unique(owner, return_index=True)
    if not len(owners):
        return found
    if pooling == "max":
        pooled = np.maximum.reduceat(vectors, starts, axis=0)
    elif pooling == "first":
        pooled = vectors[starts]
    else:
        power = {"words": 1.0, "sqrt": 0.5, "mean": 0.0}[pooling]
        pooled = np.add.reduceat(vectors * (words**power)[:, None], starts, axis=0)
    norms = np.linalg.norm(pooled, axis=1, keepdims=True)
    found[owners] = pooled / np.maximum(norms, np.finfo(np.float32).tiny)
    return found


def batches(lengths: Sequence[int], budget: int, most: int | None = None) -> Iterator[list[int]]:
    """Yield rows, longest first, in batches of like length.

    Args:
        lengths: word pieces of each text.
        budget: most pieces in a batch, padding included; a longer text is a batch of its own.
        most: most texts in a batch.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        size = min(size, most or size)
        yield order[start : start + size]
        start += size


def padded(pieces: Sequence[Sequence[int]], filler: int = 0, multiple: int = 1) -> tuple[Ids, Ids]:
    """Return piece ids, filled up to the longest, and the mask of what is real.

    Args:
        pieces: n texts' piece ids.
        filler: id of the padding.
        multiple: the length is rounded up to one of this.

    Returns:
        two int64 (n, length).
    """
    length = -(-max(map(len, pieces)) // multiple) * multiple
    ids = np.full((len(pieces), length), filler, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, of_text in enumerate(pieces):
        ids[row, : len(of_text)] = of_text
        mask[row, : len(of_text)] = 1
    return ids, mask


def pooling_suffix(config: EncoderConfig) -> str:
    """Return what an encoder's name takes on, so that other pooling is filed apart."""
    return "" if config.pooling == "words" else f"+{config.pooling}"


def embed_missing(
    encoder: TextEncoder,
    store: VectorStore,
    texts: Sequence[str],
    report: Report | None = None,
    *,
    block: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """Encode the lyrics whose vectors ``store`` lacks, and write them block by block.

    What was written stays written: after a kill, the next call goes on where this one was.

    Args:
        encoder: makes the vectors.
        store: holds those of this encoder.
        texts: raw or cleaned lyrics; equal ones are encoded once.
        report: receives a progress line per block, with the speed and the time left.
        block: lyrics between two writes; default: the encoder's ``block``, or :data:`BLOCK`.
        clock: seconds.

    Returns:
        How many vectors were made.
    """
    size = block or int(getattr(encoder, "block", BLOCK))
    cleaned = {text_key(text): text for text in map(clean_lyrics, texts) if text}
    keys = store.missing(list(cleaned))
    started = clock()
    for start in range(0, len(keys), size):
        part = keys[start : start + size]
        store.put(part, encoder.encode([cleaned[key] for key in part]))
        if report:
            report(_progress(start + len(part), len(keys), clock() - started))
    if keys:
        store.compact()
    return len(keys)


def _progress(done: int, total: int, seconds: float) -> str:
    line = f"embedded {done} of {total} lyrics"
    if seconds <= 0:
        return line
    minutes, left = divmod(round((total - done) * seconds / done), 60)
    return f"{line}, {done / seconds:.1f} songs/s, {minutes}:{left:02d} min left"
