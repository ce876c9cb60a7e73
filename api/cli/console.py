"""Where output goes: results to stdout, progress to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

stderr = Console(stderr=True, highlight=False)


def progress(line: str) -> None:
    """Show one line of progress."""
    stderr.print(line, style="dim", markup=False, soft_wrap=True)


def emit(text: str) -> None:
    """Write one line of a result."""
    sys.stdout.write(text + "\n")


def emit_json(value: Any) -> None:
    """Write a result as one line of JSON."""
    emit(json.dumps(value, ensure_ascii=False, allow_nan=False))
