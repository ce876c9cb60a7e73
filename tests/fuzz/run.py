"""``python -m tests.fuzz.run``: many inputs by the seeded mutator, and what came of them.

Every target gets its share. An input that raises what is not documented, takes too long, or makes
the process grow is a finding; its bytes are kept in ``--out``.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fuzz import artifacts, forms, pictures, tables, words
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target

TARGETS = (
    *pictures.TARGETS, *forms.TARGETS, *tables.TARGETS, *words.TARGETS, *artifacts.TARGETS,
)  # fmt: skip
#: Longest time one input may take, seconds; and address space of the process, bytes.
LONGEST_S = 5.0
MEMORY = 6 * 2**30


class TooSlowError(Exception):
    """An input took longer than :data:`LONGEST_S`."""


@dataclass
class Finding:
    """One way of going wrong, with the first input that did."""

    target: str
    error: str
    where: str
    data: bytes
    times: int = 1


@dataclass
class Result:
    """What came of one target's inputs.

    Attributes:
        taken: inputs that were read; the others were refused as documented.
        slowest_ms: of one input.
        grown_mb: resident memory at the end less that after a fifth of the inputs.
    """

    target: str
    inputs: int = 0
    taken: int = 0
    seconds: float = 0.0
    slowest_ms: float = 0.0
    grown_mb: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def fuzz(
    target: Target, inputs: int, seed: int = 0, seconds: float = float("inf"), limit: bool = True
) -> Result:
    """Run ``inputs`` mutated inputs, the seeds first, for at most ``seconds``.

    Args:
        target: what is fuzzed.
        inputs: how many.
        seed: of the mutator; the same seed and target give the same inputs.
        seconds: to stop after.
        limit: interrupt inputs that take longer than :data:`LONGEST_S`; main thread only.
    """
    rng = random.Random(f"{target.name} {seed}")
    seeds, result = list(target.seeds()), Result(target.name)
    began, start_mb = time.perf_counter(), resident_mb()
    for number in range(inputs):
        data = seeds[number] if number < len(seeds) else mutated(seeds, target.tokens, rng)
        _one(target, data, result, limit)
        if number == inputs // 5:
            start_mb = resident_mb()
        if time.perf_counter() - began > seconds:
            break
    result.seconds = time.perf_counter() - began
    result.grown_mb = round(resident_mb() - start_mb, 1)
    return result


def _one(target: Target, data: bytes, result: Result, limit: bool) -> None:
    began = time.perf_counter()
    result.inputs += 1
    try:
        if limit:
            signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
        result.taken += target.run(data)
    except Exception as exc:  # noqa: BLE001 - any of them is what is looked for
        _note(result, data, exc)
    finally:
        if limit:
            signal.setitimer(signal.ITIMER_REAL, 0)
    result.slowest_ms = max(result.slowest_ms, (time.perf_counter() - began) * 1000)


def _note(result: Result, data: bytes, exc: Exception) -> None:
    frames = traceback.extract_tb(exc.__traceback__)
    own = [
        f for f in frames if "site-packages" not in f.filename and "/lib/python" not in f.filename
    ]
    where = f"{own[-1].filename.rsplit('/', 1)[-1]}:{own[-1].lineno}" if own else "?"
    for finding in result.findings:
        if finding.error.split(":")[0] == type(exc).__name__ and finding.where == where:
            finding.times += 1
            return
    error = f"{type(exc).__name__}: {exc}"[:300]
    result.findings.append(Finding(result.target, error, where, data))


def resident_mb() -> float:
    """Return the resident memory of this process, MB."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0.0
    return int(pages) * resource.getpagesize() / 2**20


def guard() -> None:
    """Interrupt inputs that take too long, and bound the memory of the process."""

    def stop(*_: object) -> None:
        raise TooSlowError(f"longer than {LONGEST_S} s")

    signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))


def chosen(names: Sequence[str]) -> list[Target]:
    """Return the targets of these names; all without any."""
    return [target for target in TARGETS if not names or target.name in names]


def main() -> None:
    """Run from the command line; status 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", action="append", default=[], help="default: all")
    parser.add_argument("--inputs", type=int, default=10_000, help="of each target")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the inputs that found something")
    options = parser.parse_args()
    guard()
    results = []
    for target in chosen(options.target):
        results.append(fuzz(target, options.inputs, options.seed, options.seconds))
        sys.stdout.write(_line(results[-1]))
        sys.stdout.flush()
        if options.out:
            _keep(results[-1], options.out)
    total = sum(result.inputs for result in results)
    found = sum(len(result.findings) for result in results)
    sys.stdout.write(f"{total} inputs, {found} findings\n")
    sys.exit(bool(found))


def _line(result: Result) -> str:
    text = (
        f"{result.target:16s} {result.inputs:7d} inputs {result.taken:7d} taken"
        f" {result.seconds:7.1f} s, slowest {result.slowest_ms:7.1f} ms,"
        f" {result.grown_mb:+6.1f} MB\n"
    )
    for finding in result.findings:
        shown = finding.data if len(finding.data) < 120 else finding.data[:120] + b"..."
        text += f"  {finding.times} x {finding.error} at {finding.where}: {shown!r}\n"
    return text


def _keep(result: Result, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for number, finding in enumerate(result.findings):
        (out / f"{result.target}-{number}.bin").write_bytes(finding.data)
    told = asdict(result)
    for finding in told["findings"]:
        finding["data"] = len(finding["data"])
    (out / f"{result.target}.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
