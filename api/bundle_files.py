"""What there is to be loaded: the files that decide it, seen by their metadata alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

from data.artifacts import Bundle, open_bundle
from data.errors import ArtifactError
from data.files import replace_text
from data.settings import Settings

#: A file's name, length, time of change and inode; what is not there is only a name.
Stamp = tuple[str | int, ...]
_LAST_GOOD = ".last_good"


def look_at(settings: Settings) -> tuple[Stamp, ...]:
    """Return what changes whenever another bundle, or another experiments file, may be in force.

    The files of the bundle that ``current`` names are looked at too: one that was refused is tried
    again when it was repaired, and one in force is verified again when somebody touched it.
    """
    current = settings.bundles / "current"
    files = [current, *_files(settings.bundles, current)]
    if settings.experiments_file is not None:
        files.append(settings.experiments_file)
    return tuple(_stamp(path) for path in files)


def _files(root: Path, current: Path) -> list[Path]:
    with contextlib.suppress(OSError, UnicodeDecodeError, ValueError):
        name = current.read_text(encoding="utf-8").strip()
        if name and Path(name).name == name:
            return sorted((root / name).iterdir())
    return []


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return (str(path),)
    return (str(path), found.st_size, found.st_mtime_ns, found.st_ino)


def remember(root: Path, version: str) -> None:
    """Note a bundle as one that could be loaded, for a start at which ``current`` cannot.

    A folder that cannot be written is no reason to stop: the note is only missing then.
    """
    note = root / _LAST_GOOD
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if note.exists() and note.read_text(encoding="utf-8") == version:
            return
        replace_text(note, version)


def last_good(root: Path) -> Bundle | None:
    """Return the bundle that was loaded last, verified; None where none can be told or used."""
    try:
        name = (root / _LAST_GOOD).read_text(encoding="utf-8").strip()
        return open_bundle(root / name) if name and Path(name).name == name else None
    except (OSError, UnicodeDecodeError, ArtifactError):
        return None


def without_paths(text: str, root: Path) -> str:
    """Return an error's message without the folder it is about: not everybody is to know that."""
    for folder in (f"{root.resolve()}/", f"{root}/", str(root.resolve()), str(root)):
        text = text.replace(folder, "")
    return text
