"""What a check found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from data.errors import AttuneError

#: ``warning``: the service runs, but somebody should look; ``wrong``: a part of it does not work.
Status = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        name: of what was looked at.
        detail: what is there.
        remedy: what to do; None where nothing is to be done.
    """

    name: str
    status: Status
    detail: str
    remedy: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """Return the finding as JSON takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Check:
    """One question to an installation.

    Attributes:
        name: of the finding.
        look: answers with the finding, or raises.
        remedy: what to do where it raises.
    """

    name: str
    look: Callable[[], Finding]
    remedy: str


def ok(name: str, detail: str) -> Finding:
    """Return that all is well."""
    return Finding(name, "ok", detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    """Return that somebody should look."""
    return Finding(name, "warning", detail, remedy)


def wrong(name: str, detail: str, remedy: str) -> Finding:
    """Return that a part does not work."""
    return Finding(name, "wrong", detail, remedy)


def run_checks(checks: Sequence[Check]) -> list[Finding]:
    """Ask one after another; what a check raises is what it found."""
    return [_asked(check) for check in checks]


def _asked(check: Check) -> Finding:
    try:
        return check.look()
    except AttuneError as exc:
        return wrong(check.name, str(exc), check.remedy)
    except Exception as exc:  # noqa: BLE001  one broken part must not hide the others
        return wrong(check.name, f"{type(exc).__name__}: {exc}", check.remedy)
