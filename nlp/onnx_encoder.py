"""The sentence encoder served by ONNX Runtime: no torch, no sentence-transformers.

``attune embed --export FOLDER`` writes such a folder: ``encoder.onnx`` (transformer, mean pooling
and L2 norm in one graph), ``tokenizer.json``, and ``encoder.json``, which says what they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from data.artifacts import file_sha256
from data.config import FrozenConfig
from data.errors import ArtifactError
from data.types import FloatArray
from nlp.config import EncoderConfig
from nlp.embedding import ChunkEncoder, batches, padded, pooling_suffix
from nlp.errors import EncoderMismatchError

NETWORK, TOKENIZER, CARD = "encoder.onnx", "tokenizer.json", "encoder.json"
#: Word pieces in a batch, padding included. More gains nothing on a CPU: the batch leaves the
#: cache. ``attune bench lyrics`` measures it.
BATCH_PIECES = 512


class EncoderCard(FrozenConfig):
    """What ``encoder.json`` says."""

    name: str = Field(min_length=1, description="vectors are filed under this name")
    dimension: int = Field(ge=1, description="length of a vector")
    max_tokens: int = Field(ge=4, description="word pieces read; the rest is cut")
    int8: bool = Field(False, description="weights in 8 bits")
    sha256: dict[str, str] = Field(description="of the other files, by name")


def holds_encoder(folder: Path) -> bool:
    """Tell whether ``attune embed --export`` has written to ``folder``."""
    return (folder / CARD).is_file()


class OnnxTextEncoder(ChunkEncoder):
    """A :class:`nlp.text.TextEncoder` from an exported folder.

    Args:
        folder: what the export wrote.
        threads: of ONNX Runtime; a service that answers several requests at a time wants 1.
        config: how texts are cut and pooled; only those fields are read.

    Raises:
        ArtifactError: if the folder holds no such encoder.
        EncoderMismatchError: if a file is not the one exported.
    """

    def __init__(
        self, folder: Path, *, threads: int = 1, config: EncoderConfig | None = None
    ) -> None:
        self.card = read_card(folder)
        self.config = config or EncoderConfig()
        self._tokenizer = _open_tokenizer(folder / TOKENIZER, self.card.max_tokens)
        self._session = _open_session(folder / NETWORK, threads)

    @property
    def name(self) -> str:
        """What vectors of this encoder are filed under in a :class:`nlp.vectors.VectorStore`."""
        return self.card.name + pooling_suffix(self.config)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.card.dimension

    def encode_chunks(self, chunks: Sequence[str]) -> FloatArray:
        """See :meth:`nlp.embedding.ChunkEncoder.encode_chunks`."""
        # Lone surrogates, which cleaning removes, cannot be written as UTF-8.
        readable = [c.encode("utf-8", "replace").decode("utf-8") for c in chunks]
        pieces = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(readable)]
        found = np.empty((len(pieces), self.dimension), dtype=np.float32)
        for rows in batches([len(ids) for ids in pieces], BATCH_PIECES):
            ids, mask = padded([pieces[i] for i in rows])
            found[rows] = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return found


def read_card(folder: Path) -> EncoderCard:
    """Read ``encoder.json`` and check the other files against it.

    Raises:
        ArtifactError: if it is not there, or is not such a card.
        EncoderMismatchError: if a file is missing or is not the one exported.
    """
    path = folder / CARD
    again = "write it again with: attune embed --export FOLDER"
    try:
        card = EncoderCard.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError) as exc:
        raise ArtifactError(f"{path} is not the card of an exported encoder; {again}") from exc
    for name in (NETWORK, TOKENIZER):
        file = folder / name
        if not file.is_file() or file_sha256(file) != card.sha256.get(name):
            raise EncoderMismatchError(f"{file} is not the file that was exported; {again}")
    return card


def _open_tokenizer(path: Path, max_tokens: int) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer


def _open_session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as exc:  # ONNX Runtime's errors share no base of their own
        raise ArtifactError(f"{path} cannot be run: {exc}") from exc
