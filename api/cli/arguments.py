"""What arguments of several commands have in common."""

from __future__ import annotations

import typer


def utf8(value: str | list[str] | None) -> str | list[str] | None:
    """Return an argument, refusing one that no database stores and no answer can hold.

    Bytes of the command line that are not UTF-8 come as lone surrogates.

    Raises:
        typer.BadParameter: naming what to do.
    """
    try:
        "".join(value or ()).encode()
    except UnicodeEncodeError as exc:
        raise typer.BadParameter("is not valid UTF-8: write it in UTF-8") from exc
    return value
