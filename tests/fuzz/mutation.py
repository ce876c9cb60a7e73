"""A seeded mutator: what a coverage-guided fuzzer does to bytes, without the guidance."""

from __future__ import annotations

import random
from collections.abc import Sequence

#: Bytes and integers at which parsers go wrong.
_EDGES = (
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00\x00", b"\xff\xff", b"\x7f\xff", b"\xff\x7f",
    b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f",
    b"\x80\x00\x00\x00", b"\x00\x00\x00\x80", b"\r\n", b"\n", b'"', b"'", b",", b"{", b"[", b"]",
    b"}", b"nan", b"-1", b"1e999", b"99999999999999999999", b"null", b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
)  # fmt: skip


def mutated(
    seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random, longest: int = 60_000
) -> bytes:
    """Return a seed after a few changes, most of them near the head, where formats have theirs."""
    data = bytearray(rng.choice(seeds))
    for _ in range(min(rng.randint(1, 8), rng.randint(1, 8))):
        _CHANGES[rng.randrange(len(_CHANGES))](data, seeds, tokens, rng)
    return bytes(data[:longest])


def _place(data: bytearray, rng: random.Random) -> int:
    if not data:
        return 0
    if rng.random() < 0.5:
        return rng.randrange(min(len(data), 64))
    return rng.randrange(len(data))


def _flip(
    data: bytearray, seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _set(
    data: bytearray, seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> None:
    if data:
        data[_place(data, rng)] = rng.randrange(256)


def _overwrite(
    data: bytearray, seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> None:
    edge, at = rng.choice((*_EDGES, *tokens)), _place(data, rng)
    data[at : at + len(edge)] = edge


def _insert(
    data: bytearray, seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> None:
    at = _place(data, rng)
    data[at:at] = rng.choice((*_EDGES, *tokens)) * rng.choice((1, 1, 1, 2, 3, 100))


def _delete(
    data: bytearray, seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 1, 2, 4, 16, 256))]


def _cut(
    data: bytearray, seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _repeat(
    data: bytearray, seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> None:
    at, size = _place(data, rng), rng.choice((1, 2, 8, 64, 512))
    data[at:at] = data[at : at + size] * rng.choice((1, 2, 8))


def _splice(
    data: bytearray, seeds: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random
) -> None:
    other = rng.choice(seeds)
    data[_place(data, rng) :] = other[rng.randrange(len(other) + 1) :]


_CHANGES = (_flip, _flip, _set, _set, _overwrite, _insert, _delete, _cut, _repeat, _splice)
