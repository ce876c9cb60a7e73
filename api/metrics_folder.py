"""The folder in which the worker processes of one service keep their numbers.

``prometheus_client`` decides when it is imported whether numbers live in memory or in files that
every worker can read: the folder has to be in the environment before a worker starts. It belongs to
one run of the service and goes with it; what a killed service left is removed by the next.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

from data.locks import lock_file, locked_folder
from data.settings import Settings

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX, _OWNER = "metrics-", "owner.lock"
#: Stands for all workers that ended; no process has this id.
_ENDED = 0


@contextlib.contextmanager
def metrics_folder(settings: Settings) -> Iterator[Path]:
    """Make the folder and name it in the environment, for workers that start within.

    Raises:
        OSError: if ``<home>/run`` cannot be written.
    """
    parent = settings.home / "run"
    parent.mkdir(parents=True, exist_ok=True)
    with locked_folder(parent):  # else another that starts takes the new folder for abandoned
        remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent)).resolve()
        owner = (folder / _OWNER).open("w")
        lock_file(owner)
    before = os.environ.get(VARIABLE)
    with owner:
        os.environ[VARIABLE] = str(folder)
        try:
            yield folder
        finally:
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before
            shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of services that are no more."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / _OWNER).open("w") as owner:
            if lock_file(owner, wait=False):
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Hold the folder for one reading, with the numbers of workers that ended put in order."""
    with (folder / "reading.lock").open("w") as stream:
        lock_file(stream)
        for process in sorted(_processes(folder)):
            if not _runs(process):
                _bury(folder, process)
        yield


def forget_predecessor(folder: Path) -> None:
    """Remove the gauges of a worker that had this process's id before; its counts go on."""
    mark_process_dead(os.getpid(), str(folder))


def _processes(folder: Path) -> set[int]:
    """Return the ids of the processes that have numbers here."""
    ids = (path.stem.rpartition("_")[2] for path in folder.glob("*.db"))
    return {int(number) for number in ids if number.isdecimal()} - {_ENDED}


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _bury(folder: Path, process: int) -> None:
    """Take away a dead worker's gauges, and add its counts to those of all that ended.

    Counts must not go down, and a worker that dies every minute must not leave a file every minute.
    """
    mark_process_dead(process, str(folder))
    for kind in ("counter", "histogram"):
        dead = folder / f"{kind}_{process}.db"
        if dead.exists():
            _add(dead, folder / f"{kind}_{_ENDED}.db")
            dead.unlink()


def _add(source: Path, target: Path) -> None:
    """Add the numbers of one file to another, which is replaced as a whole."""
    fresh = target.with_suffix(".new")
    if target.exists():
        shutil.copyfile(target, fresh)
    sums = MmapedDict(str(fresh))
    for key, value, _, _ in MmapedDict.read_all_values_from_file(str(source)):
        sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
    sums.close()
    fresh.replace(target)
