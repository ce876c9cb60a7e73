"""Layer 1: from the bytes of a selfie to the apparent expression."""
