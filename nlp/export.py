"""A sentence encoder from sentence-transformers written for ONNX Runtime. Needs torch and onnx.

Transformer, mean pooling and L2 norm become one graph, so that what is served cannot differ from
what was measured. ``int8`` stores the weights of the linear layers in 8 bits (dynamic
quantisation: activations are quantised as they come).
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data.artifacts import file_sha256
from data.errors import ArtifactError
from data.files import replace_file, replace_text
from nlp.encoder import LyricEncoder
from nlp.onnx_encoder import CARD, NETWORK, TOKENIZER, EncoderCard

_OPSET = 17


def export_encoder(encoder: LyricEncoder, folder: Path, int8: bool = False) -> EncoderCard:
    """Write ``encoder.onnx``, ``tokenizer.json`` and ``encoder.json`` to ``folder``.

    The card is written last: a folder without it is no encoder, so a kill leaves none half done.

    Args:
        encoder: a BERT-like encoder with mean pooling, in float32.
        folder: made where it is missing; an encoder in it is replaced.
        int8: 8-bit weights; a quarter of the size, at a loss that ``attune bench lyrics`` tells.

    Returns:
        What was written to ``encoder.json``.

    Raises:
        MissingExtraError: if sentence-transformers is not installed.
        ArtifactError: if the encoder pools in another way than by the mean, or is in bfloat16.
    """
    network = encoder.load()
    _check_pooling(network)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".export-") as scratch:
        made = Path(scratch) / NETWORK
        _export_graph(network, made)
        if int8:
            made = _quantised(made)
        replace_file(folder / NETWORK, lambda stream: stream.write(made.read_bytes()))
    replace_text(folder / TOKENIZER, network.tokenizer.backend_tokenizer.to_str())
    card = EncoderCard(
        name=encoder.name + (" int8" if int8 else ""),
        dimension=encoder.dimension,
        max_tokens=int(network.max_seq_length),
        int8=int8,
        sha256={name: file_sha256(folder / name) for name in (NETWORK, TOKENIZER)},
    )
    replace_text(folder / CARD, json.dumps(card.model_dump(), indent=2) + "\n")
    return card


def _check_pooling(network: Any) -> None:
    stages = list(network)
    pooling = stages[1] if len(stages) > 1 else None
    older = getattr(pooling, "get_pooling_mode_str", lambda: "no")  # sentence-transformers < 6
    mode = getattr(pooling, "pooling_mode", None) or older()
    # A dense layer behind the pooling would be left out without a word.
    if mode != "mean" or any(type(stage).__name__ != "Normalize" for stage in stages[2:]):
        raise ArtifactError(
            f"only a transformer with mean pooling, normalised or not, can be exported; this one"
            f" has {', '.join(type(stage).__name__ for stage in stages)}, {mode} pooling"
        )


def _export_graph(network: Any, path: Path) -> None:
    import torch

    transformer = network[0].auto_model
    if next(transformer.parameters()).dtype != torch.float32:
        raise ArtifactError("only float32 weights are exported: EncoderConfig(precision='float32')")

    class Pooled(torch.nn.Module):  # type: ignore[misc]
        """Token ids and mask to unit vectors."""

        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            tokens = self.transformer(input_ids=input_ids, attention_mask=attention_mask)[0]
            weights = attention_mask.unsqueeze(-1).to(tokens.dtype)
            sums = (tokens * weights).sum(dim=1) / weights.sum(dim=1)
            return torch.nn.functional.normalize(sums, dim=1)

    example = (torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64))
    size = {0: "batch", 1: "pieces"}
    with torch.no_grad(), _eager_attention(transformer), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer tells of every branch it takes as fixed
        torch.onnx.export(
            Pooled().eval(), example, str(path), dynamo=False, opset_version=_OPSET,
            input_names=["input_ids", "attention_mask"], output_names=["vectors"],
            dynamic_axes={"input_ids": size, "attention_mask": size, "vectors": {0: "batch"}},
        )  # fmt: skip


@contextlib.contextmanager
def _eager_attention(transformer: Any) -> Iterator[None]:
    """Write attention out: the fused kernel would be traced for one length."""
    before = transformer.config._attn_implementation
    transformer.set_attn_implementation("eager")
    try:
        yield
    finally:
        transformer.set_attn_implementation(before)


def _quantised(path: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, found = path.with_suffix(".prepared"), path.with_suffix(".int8")
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared), str(found), weight_type=QuantType.QInt8, per_channel=True,
        op_types_to_quantize=["MatMul"],
    )  # fmt: skip
    return found
