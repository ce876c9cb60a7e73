"""Layer 2: from a listener, a moment and a catalogue to songs in order."""
