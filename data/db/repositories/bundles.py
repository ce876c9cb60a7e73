"""The record of bundles that were in force."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from data.artifacts import Bundle
from data.db.base import insert_for
from data.db.models import BundleRecord, utc_now


class BundleRepository:
    """Bundles by version."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, bundle: Bundle) -> None:
        """Keep the bundle's manifest; a version that is there already stays as it was."""
        insert = insert_for(self._session, BundleRecord.__table__)  # type: ignore[arg-type]
        values = {
            "version": bundle.version,
            "manifest": bundle.manifest,
            "recorded_at": utc_now(),
        }
        self._session.execute(insert.on_conflict_do_nothing(index_elements=["version"]), [values])

    def versions(self) -> list[str]:
        """Return the recorded versions, oldest first."""
        return list(self._session.scalars(select(BundleRecord.version).order_by(BundleRecord.id)))
