"""Journeys: playlists that go from one mood to another."""
