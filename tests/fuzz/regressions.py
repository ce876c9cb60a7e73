"""Inputs that once did what nothing may do, each with the target it was found by."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.artifacts import manifests


def _deep_array() -> bytes:
    return b"[" * 5000


def _deep_links() -> bytes:
    return json.dumps({"title": "t", "artist": "a", "links": "[" * 5000}).encode() + b"\n"


def _manifest_of_a_long_name() -> bytes:
    """A manifest that lists a file whose name no file system takes.

    The version is that of the target's own bundle, or the files would not be looked at.
    """
    manifest = json.loads(manifests()[0])
    manifest["files"] = {"x" * 3000: "0" * 64}
    return json.dumps(manifest).encode()


def _zip_of_unknown_method() -> bytes:
    """An ``.npz`` whose first member says that it was compressed in a way nobody knows."""
    stream = io.BytesIO()
    np.savez(stream, mean=np.zeros(3), components=np.zeros((2, 3)), scale=np.ones(2))
    data = bytearray(stream.getvalue())
    at = 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        data[at + 10 : at + 12] = b"\x63\x00"
        at += 4
    return bytes(data)


def _zip_of_a_vast_array() -> bytes:
    """An ``.npz`` whose array has a shape that no memory holds."""
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1024), }"
    head += b" " * (117 - len(head)) + b"\n"
    member = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in ("mean", "components", "scale", "config"):
            file.writestr(f"{name}.npy", member)
    return stream.getvalue()


def _parquet_of_broken_text() -> bytes:
    """A Parquet file whose text column holds bytes that are no UTF-8."""
    stream = io.BytesIO()
    rows = pa.table({"title": ["tttttt"], "artist": ["aaaaaa"]})
    pq.write_table(rows, stream, compression="none", use_dictionary=False, write_statistics=False)
    return stream.getvalue().replace(b"tttttt", b"tt\xfftt\xfc")


def _archive(name: str, damage: Callable[[bytearray], None]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, json.dumps([{"n": number} for number in range(400)]))
    data = bytearray(stream.getvalue())
    damage(data)
    return bytes(data)


def _archive_of_a_superscript() -> bytes:
    """A file's number that ``str.isdigit`` takes for one and ``int`` does not."""
    return _archive("endsong_\u00b2.json", lambda data: None)


def _archive_of_broken_deflate() -> bytes:
    def damage(data: bytearray) -> None:
        data[60:160] = b"\xa5" * 100

    return _archive("endsong_1.json", damage)


def _archive_of_a_later_version() -> bytes:
    def damage(data: bytearray) -> None:
        at = data.find(b"PK\x01\x02")
        data[at + 6 : at + 8] = b"\xff\x00"

    return _archive("endsong_1.json", damage)


def _archive_cut_at_its_head() -> bytes:
    def damage(data: bytearray) -> None:
        del data[20:120]

    return _archive("endsong_1.json", damage)


#: Name -> (targets, input).
REGRESSIONS: dict[str, tuple[tuple[str, ...], Callable[[], bytes]]] = {
    "json nested without end": (
        ("listenbrainz", "spotify", "jsonl-songs", "manifest", "journey"),
        _deep_array,
    ),
    "links nested without end": (("jsonl-songs",), _deep_links),
    "file name without end": (("manifest",), _manifest_of_a_long_name),
    "zip member of an unknown method": (("reducer-npz", "model-npz"), _zip_of_unknown_method),
    "array without measure": (("reducer-npz", "model-npz", "mood-npz"), _zip_of_a_vast_array),
    "archive with a superscript in a name": (("spotify-zip",), _archive_of_a_superscript),
    "archive with broken deflate": (("spotify-zip",), _archive_of_broken_deflate),
    "archive of a later version": (("spotify-zip",), _archive_of_a_later_version),
    "archive cut at its head": (("spotify-zip",), _archive_cut_at_its_head),
    "text that is no UTF-8": (("parquet",), _parquet_of_broken_text),
}
