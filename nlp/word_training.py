"""Fitting the shipped word vectors to MiniLM: ``python -m nlp.word_training DATA``.

A text's vector is a mean of its pieces' vectors, mapped to 384 numbers. Pieces start from MiniLM's
own vector of each piece alone, reduced by SVD; then all of it is fitted, by the cosine to MiniLM,
on lyrics, on short passages of them, and on a few common words put together at random, which is
what queries look like. Only word pieces of MiniLM's public vocabulary and numbers are written: no
text, and no list of words drawn from the lyrics.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data.config import FrozenConfig
from data.datasets.lyrics import read_lyrics
from data.files import save_arrays
from data.types import FloatArray
from nlp.cleaning import clean_lyrics, text_key
from nlp.config import EncoderConfig
from nlp.demo import demo_vectors_path
from nlp.embedding import embed_missing
from nlp.encoder import LyricEncoder
from nlp.text import Report
from nlp.vectors import VectorStore
from nlp.words import open_tokenizer, pack_pieces, shipped_words, weighted_pieces

Array = NDArray[Any]


class WordTrainingConfig(FrozenConfig):
    """How the word vectors are fitted."""

    seed: int = 7
    size: int = Field(128, ge=1, description="numbers a word piece")
    passages: int = Field(16_000, ge=0, description="short passages of lyrics fitted to")
    phrases: int = Field(12_000, ge=0, description="random combinations of common words fitted to")
    common: int = Field(6_000, ge=1, description="how many of the commonest words phrases are of")
    held_out: int = Field(1_500, ge=1, description="lyrics kept apart for measuring")
    epochs: int = Field(12, ge=1, description="passes over all texts")
    batch_size: int = Field(256, ge=1, description="texts a step")
    learning_rate: float = Field(2e-3, gt=0, description="highest, of Adam")
    threads: int = Field(1, ge=1, description="of torch")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts with MiniLM's vectors of them, and the lyrics kept apart for measuring."""

    texts: list[str]
    vectors: FloatArray
    held_out: list[str]
    held_out_vectors: FloatArray


def word_pieces(vocabulary: dict[str, int]) -> list[str]:
    """Return the pieces of ASCII letters, in the vocabulary's order (about by frequency).

    ``[UNK]`` comes first. Single letters stay, so that every word of ASCII letters can be cut.
    """
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    letters = [p for p in ordered if p.removeprefix("##").isascii() and _is_word(p)]
    return ["[UNK]", *letters]


def _is_word(piece: str) -> bool:
    bare = piece.removeprefix("##")
    return bare.isalpha() and bare.islower()


def gather_corpus(
    encoder: LyricEncoder,
    lyrics: Sequence[str],
    cache: Path,
    pieces: Sequence[str],
    config: WordTrainingConfig,
    report: Report,
) -> Corpus:
    """Collect texts of every kind with their MiniLM vectors.

    Args:
        encoder: MiniLM.
        lyrics: cleaned, distinct, none empty.
        cache: vector store of lyrics embedded before, and now.
        pieces: from :func:`word_pieces`.
        config: how many of each.
        report: receives progress.
    """
    rng = np.random.default_rng(config.seed)
    store = VectorStore(cache, model=encoder.name, fallbacks=[demo_vectors_path()])
    embed_missing(encoder, store, lyrics, report)
    order = rng.permutation(len(lyrics))
    shuffled = [lyrics[i] for i in order]
    vectors = store.get([text_key(text) for text in shuffled])
    held, kept = shuffled[: config.held_out], shuffled[config.held_out :]
    short = _passages(kept, config.passages, rng) + _phrases(pieces, config, rng)
    report(f"embedding {len(short)} passages and phrases")
    made = encoder.encode_chunks(short)
    return Corpus(
        kept + short,
        np.concatenate([vectors[config.held_out :], made]),
        held,
        vectors[: config.held_out],
    )


def _passages(lyrics: Sequence[str], n: int, rng: np.random.Generator) -> list[str]:
    """Take one to four lines in a row from lyrics at random."""
    found = []
    for i in rng.integers(len(lyrics), size=n):
        lines = [line for line in lyrics[i].split("\n") if line]
        start = int(rng.integers(len(lines)))
        found.append("\n".join(lines[start : start + int(rng.integers(1, 5))])[:400])
    return found


def _phrases(
    pieces: Sequence[str], config: WordTrainingConfig, rng: np.random.Generator
) -> list[str]:
    """Put one to five of the commonest words together at random."""
    words = [p for p in pieces if p[:2] != "##" and len(p) > 2][: config.common]
    sizes = rng.integers(1, 6, size=config.phrases)
    return [" ".join(rng.choice(words, size=n)) for n in sizes]


def fit_words(
    texts: Sequence[str],
    vectors: FloatArray,
    pieces: Sequence[str],
    start: FloatArray,
    config: WordTrainingConfig,
    report: Report,
) -> dict[str, Array]:
    """Fit piece vectors, map and bias by mean cosine (Adam, one-cycle learning rate).

    Args:
        texts: n texts.
        vectors: float32 (n, d), unit rows.
        pieces: v word pieces, ``[UNK]`` first.
        start: float32 (v, d), vectors of the pieces to begin with.
        config: how.
        report: receives the loss of each epoch.

    Returns:
        The arrays that :class:`nlp.words.WordTextEncoder` reads.
    """
    import torch

    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    bags = weighted_pieces(open_tokenizer(pieces), texts)
    rows = [i for i, (ids, _) in enumerate(bags) if len(ids)]
    table, back = _factors(start, config.size)
    weights = [torch.nn.Parameter(torch.from_numpy(a)) for a in (table, back, vectors.mean(axis=0))]
    steps = config.epochs * -(-len(rows) // config.batch_size)
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, steps)
    rng = np.random.default_rng(config.seed)
    for epoch in range(config.epochs):
        order, total = rng.permutation(rows), 0.0
        for at in range(0, len(order), config.batch_size):
            batch = order[at : at + config.batch_size]
            target = torch.from_numpy(vectors[batch])
            found = _forward(torch, [bags[i] for i in batch], *weights)
            loss = 1 - torch.nn.functional.cosine_similarity(found, target).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch)
        report(f"epoch {epoch + 1} of {config.epochs}: 1 - cosine {total / len(rows):.4f}")
    return _pack(pieces, *(w.detach().numpy() for w in weights))


def _forward(
    torch: Any, bags: Sequence[tuple[Array, Array]], table: Any, back: Any, bias: Any
) -> Any:
    ids = torch.from_numpy(np.concatenate([ids for ids, _ in bags]))
    shares = torch.from_numpy(np.concatenate([shares for _, shares in bags]))
    starts = np.cumsum([0, *(len(ids) for ids, _ in bags[:-1])])
    means = torch.nn.functional.embedding_bag(
        ids, table, torch.from_numpy(starts), mode="sum", per_sample_weights=shares
    )
    return means @ back + bias


def _factors(start: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Reduce to ``size`` numbers a piece, by SVD: start is about table @ back."""
    _, vectors = np.linalg.eigh(start.T @ start)
    back = np.ascontiguousarray(vectors[:, ::-1][:, :size].T, dtype=np.float32)
    return np.ascontiguousarray(start @ back.T, dtype=np.float32), back


def _pack(pieces: Sequence[str], table: Array, back: Array, bias: Array) -> dict[str, Array]:
    """Round to 8 bits a number, with one scale a piece."""
    scales = np.maximum(np.abs(table).max(axis=1) / 127, 1e-8).astype(np.float32)
    found = {
        "pieces": pack_pieces(pieces),
        "codes": np.round(table / scales[:, None]).astype(np.int8),
        "scales": scales,
        "map": back.astype(np.float16),
        "bias": bias.astype(np.float32),
    }
    digest = hashlib.sha256(b"".join(a.tobytes() for a in found.values())).hexdigest()
    # The hash in the name keeps vectors of other weights out of one store.
    return {"name": np.array(f"words-{digest[:8]}"), **found}


def train_words(
    data: Path, cache: Path, out: Path, config: WordTrainingConfig, report: Report
) -> dict[str, float]:
    """Fit to the lyrics below ``data``, write ``out``, and return what was measured."""
    from nlp.word_report import measure

    encoder = LyricEncoder(EncoderConfig(threads=config.threads))
    pieces = word_pieces(encoder.load().tokenizer.get_vocab())
    table = read_lyrics(data / "lyrics" / "lyrics.parquet")
    lyrics = list(dict.fromkeys(filter(None, map(clean_lyrics, table.lyrics))))
    corpus = gather_corpus(encoder, lyrics, cache, pieces, config, report)
    report(f"embedding {len(pieces)} word pieces")
    start = encoder.encode_chunks([piece.removeprefix("##") for piece in pieces])
    arrays = fit_words(corpus.texts, corpus.vectors, pieces, start, config, report)
    save_arrays(out, arrays)
    return measure(out, encoder, corpus.held_out, corpus.held_out_vectors)


def main() -> None:
    """Fit from a data folder; the second argument is a store of lyric vectors."""
    data = Path(sys.argv[1])
    cache = Path(sys.argv[2] if len(sys.argv) > 2 else "var/cache/lyric_vectors.npz")
    found = train_words(data, cache, shipped_words(), WordTrainingConfig(), _tell)
    sys.stdout.write("".join(f"{name}: {value:.4f}\n" for name, value in found.items()))


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
