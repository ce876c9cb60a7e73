"""What an ingest did."""

from __future__ import annotations

from dataclasses import dataclass, field

from data.ingest.matching import MatchTally


@dataclass(frozen=True, slots=True)
class IngestReport:
    """Counts of rows; ``read == written + rejected + skipped``.

    Attributes:
        read: rows in the files.
        written: rows now in the database because of this run.
        rejected: rows set aside in the rejects file.
        skipped: rows that an earlier run had dealt with, and events known already.
        seconds: wall-clock time.
        matches: how the songs of listens were found, of the rows that this run read.
    """

    read: int = 0
    written: int = 0
    rejected: int = 0
    skipped: int = 0
    seconds: float = 0.0
    matches: MatchTally = field(default_factory=MatchTally, compare=False)

    def __add__(self, other: IngestReport) -> IngestReport:
        return IngestReport(
            self.read + other.read,
            self.written + other.written,
            self.rejected + other.rejected,
            self.skipped + other.skipped,
            self.seconds + other.seconds,
            self.matches + other.matches,
        )
