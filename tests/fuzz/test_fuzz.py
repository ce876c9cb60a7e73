"""A short, seeded run of every target, and what longer ones found; docs/testing.md has those."""

from __future__ import annotations

import random

import pytest

from data.errors import ConfigError
from tests.fuzz.mutation import mutated
from tests.fuzz.regressions import REGRESSIONS
from tests.fuzz.run import TARGETS, fuzz
from tests.fuzz.target import Target

BY_NAME = {target.name: target for target in TARGETS}
#: Of each target; the big run has hundreds of times as many.
INPUTS = 250


@pytest.mark.parametrize("name", BY_NAME)
def test_nothing_but_documented_errors(name: str) -> None:
    result = fuzz(BY_NAME[name], INPUTS, seed=20261121, limit=False)
    found = [f"{f.error} at {f.where}: {f.data[:200]!r}" for f in result.findings]
    assert not found, "\n".join(found)
    assert result.inputs == INPUTS
    assert result.taken  # some inputs must come through, or nothing behind the door was tried


@pytest.mark.parametrize(
    ("name", "target"),
    [(name, target) for name, (targets, _) in REGRESSIONS.items() for target in targets],
)
def test_what_was_found_once(name: str, target: str) -> None:
    BY_NAME[target].run(REGRESSIONS[name][1]())


def test_the_mutator_is_seeded() -> None:
    seeds = [b"abcdef" * 20, b"0123456789"]

    def drawn(seed: int) -> list[bytes]:
        rng = random.Random(seed)
        return [mutated(seeds, (b"TOKEN",), rng) for _ in range(200)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert any(b"TOKEN" in data for data in drawn(1))


def test_an_undocumented_error_is_a_finding() -> None:
    def check(data: bytes) -> None:
        if b"X" in data:
            raise IndexError("of a bug")
        raise ConfigError("as documented")

    target = Target("sample", lambda: [b"a", b"bXb", b"cXX"], check, (), (ConfigError,))
    result = fuzz(target, 3, limit=False)
    (finding,) = result.findings
    assert finding.error == "IndexError: of a bug"
    assert finding.data == b"bXb"
    assert finding.times == 2
    assert result.taken == 0
