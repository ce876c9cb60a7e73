"""Sources that score the whole catalogue and put songs forward."""
