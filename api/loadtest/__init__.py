"""Load on a running service: a closed-loop and an open-loop generator, and what they measured."""
