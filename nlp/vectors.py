"""A file of lyric vectors, keyed by the SHA-256 of the cleaned lyric.

On disk: ``<path>`` is an ``.npz`` (``keys`` uint8 (n, 32) sorted, ``vectors`` float16 (n, d),
``model``), always replaced as a whole. Beside it ``<stem>.journal`` takes new records of fixed
size, each with a CRC. A kill can only tear the journal's last record, which is then passed over.
The journal is folded into the ``.npz`` by :meth:`VectorStore.compact`.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import ArtifactError
from data.files import load_arrays, save_arrays
from data.types import FloatArray
from nlp.errors import VectorStoreError

_KEY_BYTES = 32
#: Fold the journal into the npz when it holds this many records and as many as the npz, so that
#: the cost of rewriting stays in proportion to what was written.
_FOLD_AT = 4096

Keys = NDArray[np.bytes_]
Halves = NDArray[np.float16]


class VectorStore:
    """Vectors on disk by text key, with read-only fallbacks behind them.

    Args:
        path: the ``.npz``; need not exist.
        dimension: length of every vector.
        model: name of the encoder that makes the vectors; kept in the file, and a file made by
            another one is refused. None accepts any.
        fallbacks: stores or paths asked, in order, for keys that this one lacks; never written.

    Raises:
        VectorStoreError: if a file is not a vector store, or of another dimension or model.
    """

    def __init__(
        self,
        path: Path,
        *,
        dimension: int = 384,
        model: str | None = None,
        fallbacks: Sequence[Path | VectorStore] = (),
    ) -> None:
        self.path = path
        self.dimension = dimension
        self.model = model
        self._journal = path.with_suffix(".journal")
        self._fallbacks = [
            f if isinstance(f, VectorStore) else VectorStore(f, dimension=dimension, model=model)
            for f in fallbacks
        ]
        self._signature: tuple[object, ...] = ()
        self._refresh()

    def __len__(self) -> int:
        """Return how many vectors this store holds itself, without its fallbacks."""
        self._refresh()
        return len(self._keys) + sum(not self._in_base(key) for key in self._pending)

    def get(self, keys: Sequence[str | None]) -> FloatArray:
        """Return float32 (n, dimension); a key that is unknown, or None, has a row of NaN.

        Raises:
            ValueError: if a key is not a hex SHA-256.
        """
        self._refresh()
        found = np.full((len(keys), self.dimension), np.nan, dtype=np.float32)
        rows = [i for i, key in enumerate(keys) if key is not None]
        digests = [_digest(key) for key in keys if key is not None]
        if len(self._keys) and rows:
            wanted = np.array(digests, dtype="S32")
            at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
            hit = self._keys[at] == wanted
            found[np.asarray(rows)[hit]] = self._vectors[at[hit]]
        if self._pending:
            for i, digest in zip(rows, digests, strict=True):
                if (vector := self._pending.get(digest)) is not None:
                    found[i] = vector
        self._fill_from_fallbacks(keys, found)
        return found

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return the distinct keys nobody knows, fallbacks included, in order."""
        distinct = list(dict.fromkeys(keys))
        unknown = np.isnan(self.get(distinct)[:, 0]).tolist()
        return [key for key, lacking in zip(distinct, unknown, strict=True) if lacking]

    def put(self, keys: Sequence[str], vectors: FloatArray) -> None:
        """Write vectors durably; a key that is there already is replaced.

        Args:
            keys: n text keys.
            vectors: (n, dimension); rows that are not finite are passed over.

        Raises:
            ValueError: if the shapes do not agree or a key is not a hex SHA-256.
        """
        if vectors.shape != (len(keys), self.dimension):
            raise ValueError(f"{len(keys)} keys need ({len(keys)}, {self.dimension}) vectors")
        digests = np.frombuffer(b"".join(map(_digest, keys)), np.uint8).reshape(-1, _KEY_BYTES)
        finite = np.isfinite(vectors).all(axis=1)
        records = np.zeros(int(finite.sum()), dtype=self._record)
        records["key"] = digests[finite]
        records["vector"] = vectors[finite]
        records["crc"] = [_crc(row) for row in records]
        if len(records):
            self._append(records)

    def compact(self) -> None:
        """Fold the journal into the ``.npz`` (replaced atomically), then drop the journal."""
        with self._locked():
            self._fold()

    @property
    def _record(self) -> np.dtype[np.void]:
        key = ("key", np.uint8, (_KEY_BYTES,))
        return np.dtype([key, ("vector", "<f2", (self.dimension,)), ("crc", "<u4")])

    def _in_base(self, digest: bytes) -> bool:
        at = int(np.searchsorted(self._keys, np.bytes_(digest)))
        return at < len(self._keys) and bool(self._keys[at] == np.bytes_(digest))

    def _fill_from_fallbacks(self, keys: Sequence[str | None], found: FloatArray) -> None:
        for store in self._fallbacks:
            lacking = np.flatnonzero(np.isnan(found[:, 0])).tolist()
            if not lacking:
                return
            found[lacking] = store.get([keys[i] for i in lacking])

    def _append(self, records: NDArray[np.void]) -> None:
        with self._locked():
            self._refresh()
            if not self.path.exists():
                self._write(np.zeros((0, _KEY_BYTES), np.uint8), self._vectors)
            size = self._journal.stat().st_size if self._journal.exists() else 0
            with self._journal.open("r+b" if size else "wb") as stream:
                # A torn record of a killed writer is overwritten.
                stream.seek(size - size % self._record.itemsize)
                stream.truncate()
                stream.write(records.tobytes())
                stream.flush()
                os.fsync(stream.fileno())
            self._refresh()
            if len(self._pending) >= max(_FOLD_AT, len(self._keys)):
                self._fold()

    def _fold(self) -> None:
        self._refresh()
        if not self._pending:
            return
        fresh = [digest for digest in self._pending if not self._in_base(digest)]
        digests = np.frombuffer(self._keys.tobytes() + b"".join(fresh), np.uint8)
        keys = _as_keys(digests)
        order = np.argsort(keys, kind="stable")
        room = np.zeros((len(fresh), self.dimension), np.float16)
        vectors = np.concatenate([self._vectors, room])[order]
        at = np.searchsorted(keys[order], np.array(list(self._pending), dtype="S32"))
        vectors[at] = np.stack(list(self._pending.values()))
        self._write(digests.reshape(-1, _KEY_BYTES)[order], vectors)
        self._journal.unlink(missing_ok=True)
        self._refresh()

    def _write(self, keys: NDArray[np.uint8], vectors: Halves) -> None:
        model = np.array(self.model or "")
        save_arrays(self.path, {"keys": keys, "vectors": vectors, "model": model})

    def _refresh(self) -> None:
        """Read the files again where another writer, or this one, has changed them."""
        signature = (_stat(self.path), _stat(self._journal))
        if signature == self._signature:
            return
        # The journal first: a fold between the two reads then loses nothing, as what left the
        # journal is in the npz by then.
        pending = self._read_journal()
        self._keys, self._vectors = self._read_base()
        self._pending = pending
        self._signature = signature

    def _read_base(self) -> tuple[Keys, Halves]:
        if not self.path.exists():
            return np.zeros(0, dtype="S32"), np.zeros((0, self.dimension), np.float16)
        try:
            arrays = load_arrays(self.path, ("keys", "vectors", "model"))
        except ArtifactError as exc:
            raise VectorStoreError(f"{exc}; delete or replace it") from exc
        keys, vectors, model = arrays["keys"], arrays["vectors"], str(arrays["model"])
        if keys.shape != (len(vectors), _KEY_BYTES) or vectors.shape[1:] != (self.dimension,):
            raise VectorStoreError(
                f"{self.path} holds vectors of shape {vectors.shape}, not (n, {self.dimension})"
            )
        if self.model and model and model != self.model:
            raise VectorStoreError(
                f"{self.path} was made by {model!r}, not {self.model!r}; use another file"
            )
        self.model = self.model or model or None
        return _as_keys(keys), vectors.astype(np.float16, copy=False)

    def _read_journal(self) -> dict[bytes, Halves]:
        try:
            data = self._journal.read_bytes()
        except FileNotFoundError:
            return {}
        whole = len(data) // self._record.itemsize
        records = np.frombuffer(data, dtype=self._record, count=whole)
        return {row["key"].tobytes(): row["vector"] for row in records if _crc(row) == row["crc"]}

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes' writers out; without flock, one writer at a time is trusted."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            import fcntl
        except ImportError:
            yield
            return
        with self.path.with_suffix(".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def _as_keys(digests: NDArray[np.uint8]) -> Keys:
    return np.ascontiguousarray(digests, np.uint8).reshape(-1).view("S32")


def _digest(key: str) -> bytes:
    digest = bytes.fromhex(key)
    if len(digest) != _KEY_BYTES:
        raise ValueError(f"a text key is 64 hex digits, not {key[:80]!r}")
    return digest


def _crc(record: np.void) -> int:
    return zlib.crc32(record["vector"].tobytes(), zlib.crc32(record["key"].tobytes()))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
