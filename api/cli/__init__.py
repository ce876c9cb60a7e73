"""The command ``attune``. Results go to stdout, progress to stderr; exit 0, 1 or 2."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line; an error on purpose is one line on stderr and exit status 1."""
    # One BLAS thread, set before numpy is loaded: two threads on two cores made one matrix-vector
    # product thirty times slower. Worker processes inherit it.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")

    from api.cli.app import run

    run()
