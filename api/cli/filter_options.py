"""Options that say which songs are wanted, the same for lists and for playlists."""

from __future__ import annotations

from typing import Annotated

import typer

Languages = Annotated[
    list[str] | None,
    typer.Option(
        "--language", help="ISO 639-1 code; repeatable, any will do. Unknown does not pass."
    ),
]
FirstYear = Annotated[int | None, typer.Option("--year-from", min=1, max=9999, help="First year.")]
LastYear = Annotated[int | None, typer.Option("--year-to", min=1, max=9999, help="Last year.")]
Explicit = Annotated[
    bool,
    typer.Option("--explicit/--no-explicit", help="Whether songs marked as explicit may come."),
]
LeftOutArtists = Annotated[
    list[str] | None,
    typer.Option("--exclude-artist", help="Name of an artist to leave out; repeatable."),
]
