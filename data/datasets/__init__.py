"""Readers of public data sets, and the embedded demo catalogue. One module per format."""
