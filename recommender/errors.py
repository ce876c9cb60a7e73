"""Errors of the recommender; see the tree in :mod:`data.errors`."""

from __future__ import annotations

from data.errors import AttuneError


class UnknownSongError(AttuneError):
    """The model in force does not know the song that was asked about."""
