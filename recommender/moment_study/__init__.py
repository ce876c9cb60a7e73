"""Offline studies of what the emotion of a moment is worth: recovery, trade-off, camera."""
