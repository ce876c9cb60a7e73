"""Scoring of candidates by all the evidence there is."""
