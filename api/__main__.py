"""``python -m api`` is the command ``attune``."""

from api.cli import main

main()
