"""The numbers of :mod:`api.metrics` as Prometheus reads them: of one process or of all workers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from api import metrics
from api.metrics_folder import reading

# What the system says of this process; with several workers it would be of whoever answers.
if metrics.FOLDER is None:
    ProcessCollector(registry=metrics.REGISTRY)
    PlatformCollector(registry=metrics.REGISTRY)


def exposition(accept: str = "") -> tuple[bytes, str]:
    """Return the numbers and their content type.

    Args:
        accept: the caller's ``Accept`` header: plain text, or OpenMetrics where it is asked for.
    """
    encode, content_type = choose_encoder(accept)
    if metrics.FOLDER is None:
        return encode(metrics.REGISTRY), content_type
    together = CollectorRegistry()
    with reading(metrics.FOLDER):
        MultiProcessCollector(together, path=str(metrics.FOLDER))
        return encode(together), content_type
