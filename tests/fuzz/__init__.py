"""Bytes that nobody means well with, at every place where bytes come in; docs/testing.md."""
