"""Layer 3: the HTTP service, the page and the command line."""
