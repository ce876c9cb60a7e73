"""Ingest: files of songs and listens into the database, resumable, nothing lost."""

from data.ingest.rejects import forget_rejects
from data.ingest.report import IngestReport
from data.ingest.runs import ingest_feedback, ingest_listens, ingest_songs
from data.ingest.unmatched import forget_unmatched, write_unmatched

__all__ = [
    "IngestReport",
    "forget_rejects",
    "forget_unmatched",
    "ingest_feedback",
    "ingest_listens",
    "ingest_songs",
    "write_unmatched",
]
