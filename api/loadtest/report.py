"""The figures as tables: of the JSON that a measurement wrote, never of numbers copied by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.errors import ConfigError

BEGIN, END = "<!-- load figures: begin -->", "<!-- load figures: end -->"
_HEAD = (
    "| scenario | clients | system | req/s | p50 ms | p95 ms | p99 ms | max ms | answers |"
    " CPU, cores | RSS before / after, MB | against obvious |\n"
    "|---|---:|---|---:|---:|---:|---:|---:|---|---:|---:|---:|"
)


def load_text(found: Mapping[str, Any]) -> str:
    """Return a measurement as Markdown."""
    machine, config = found["machine"], found["config"]
    libraries = ", ".join(f"{name} {value}" for name, value in machine["libraries"].items())
    lines = [
        f"{machine['cores']} cores, Python {machine['python']}, {libraries};"
        f" {config['workers']} worker, {config['seconds']:g} s a level,"
        f" pictures of {_sizes(found['photo_bytes'])} KB; load average before:"
        f" {machine['load_before']}.",
    ]
    if found["ceiling"]:
        best = max(found["ceiling"], key=lambda level: float(level["rate"]))
        lines += ["", (
            f"The generator alone, against a server that only sends bytes back:"
            f" {best['rate']:.0f} req/s at {best['clients']} clients;"
            f" it used {best['driver_cpu']:.2f} of a core for it."
        )]  # fmt: skip
    for home in found["homes"]:
        lines += ["", *_home_lines(home)]
    return "\n".join(lines)


def fill(file: Path, text: str) -> None:
    """Put ``text`` between the marks of a document.

    Raises:
        ConfigError: if the document has no marks.
    """
    whole = file.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{file} lacks the lines {BEGIN} and {END}")
    file.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _home_lines(home: Mapping[str, Any]) -> Iterator[str]:
    parts = ", ".join(home["parts"])
    yield f"**{home['songs']:,} songs, {home['listeners']:,} listeners** (parts asked: {parts})"
    yield ""
    yield _HEAD
    for level in home["levels"]:
        yield _row(level, home["levels"])
    overloads = [level for level in home["levels"] if level["offered"]]
    if overloads:
        yield ""
        for level in overloads:
            yield _overload(level)


def _row(level: Mapping[str, Any], all_levels: Sequence[Mapping[str, Any]]) -> str:
    latency = level["latency"]
    times = [f"{latency[k]:.1f}" for k in ("p50", "p95", "p99", "max")] if latency else ["-"] * 4
    usage = level["usage"]
    answers = ", ".join(f"{count} x {status}" for status, count in level["statuses"].items())
    cells = [
        level["scenario"],
        f"{level['offered']:.0f} req/s" if level["offered"] else str(level["clients"]),
        level["system"],
        f"{level['rate']:.1f}",
        *times,
        answers,
        f"{usage['cpu']:.2f}",
        f"{usage['rss_before_mb']:.0f} / {usage['rss_after_mb']:.0f}",
        _ratio(level, all_levels),
    ]
    return f"| {' | '.join(cells)} |"


def _ratio(level: Mapping[str, Any], all_levels: Sequence[Mapping[str, Any]]) -> str:
    """Return how many times as many requests as the baseline, at the same level."""
    if level["system"] == "obvious" or level["offered"]:
        return ""
    for other in all_levels:
        same = all(other[k] == level[k] for k in ("scenario", "clients"))
        if other["system"] == "obvious" and same and other["rate"]:
            return f"{level['rate'] / other['rate']:.2f} x"
    return "-"


def _overload(level: Mapping[str, Any]) -> str:
    usage, refused = level["usage"], level["refused"]
    slope = usage["slope_mb_per_min"]
    turned = f"p50 {refused['p50']:.0f}, p99 {refused['p99']:.0f} ms" if refused else "none"
    return (
        f"- {level['scenario']}, {level['system']}: {level['offered']:.0f} req/s offered,"
        f" {level['rate']:.1f} answered; refusals: {turned};"
        f" {level['unfit']} answers without songs or without `Retry-After`;"
        f" {level['not_sent']} not sent because all {level['clients']} connections were taken;"
        f" memory {usage['rss_before_mb']:.0f} -> {usage['rss_after_mb']:.0f} MB, most"
        f" {usage['rss_most_mb']:.0f}, slope of the second half"
        f" {'-' if slope is None else f'{slope:+.2f}'} MB/min"
    )


def _sizes(sizes: Sequence[int]) -> str:
    low, high = min(sizes) // 1000, max(sizes) // 1000
    return str(low) if low == high else f"{low} to {high}"
