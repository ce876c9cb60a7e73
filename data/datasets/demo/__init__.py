"""The embedded demo: original songs by invented artists, and simulated listeners.

Everything here was made for this project. ``docs/demo_catalogue.md`` tells how.
"""

from __future__ import annotations

from data.datasets.demo.catalogue import (
    DemoArtist,
    DemoSong,
    demo_songs,
    intended_moods,
    load_artists,
)
from data.datasets.demo.config import DemoConfig
from data.datasets.demo.install import DemoReport, install_demo
from data.datasets.demo.listeners import (
    DemoListeners,
    ListenerTruth,
    listener_ids,
    simulate_listeners,
)

__all__ = [
    "DemoArtist",
    "DemoConfig",
    "DemoListeners",
    "DemoReport",
    "DemoSong",
    "ListenerTruth",
    "demo_songs",
    "install_demo",
    "intended_moods",
    "listener_ids",
    "load_artists",
    "simulate_listeners",
]
