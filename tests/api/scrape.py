"""Reading what ``/metrics`` says."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient


class Scrape:
    """The samples of one scrape, by name and labels."""

    def __init__(self, text: str) -> None:
        self.text = text
        families = list(text_string_to_metric_families(text))
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def value(self, name: str, /, **labels: str) -> float:
        """The value of a series; 0 where there is none."""
        return self.samples.get((name, tuple(sorted(labels.items()))), 0.0)

    def series(self, name: str) -> set[tuple[tuple[str, str], ...]]:
        """The labels of every series of a name."""
        return {labels for found, labels in self.samples if found == name}

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.samples}


def scrape(client: TestClient, headers: dict[str, str] | None = None) -> Scrape:
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    return Scrape(response.text)
