"""The dashboard and the alerts ask for numbers that exist, by labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api import metrics
from tests.conftest import ROOT

#: Made by Prometheus itself.
_ITS_OWN = {"up": {"job"}}
_ADDED = {"job", "instance", "le"}
_TEMPLATES = {"datasource", "job", "__rate_interval"}
_NAME = r"\b[a-z]+_[a-z0-9_]+\b"


def dashboard() -> dict[str, Any]:
    text = (ROOT / "deploy/grafana/attune.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> Iterator[dict[str, Any]]:
    for panel in dashboard()["panels"]:
        yield panel
        yield from panel.get("panels", [])


def expressions() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel.get("targets", [])]
    return asked + [rule["expr"] for rule in alerts()]


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Metric names of an expression, with the labels that are matched."""
    plain = re.sub(r"\[[^]]*\]", "", expression)
    grouped = re.sub(r"\b(by|on|without|ignoring) ?\([^)]*\)", "", plain)
    for name, inner in re.findall(rf"({_NAME}|\bup\b)(?!\()(?:\{{([^}}]*)\}})?", grouped):
        yield name, set(re.findall(r"(\w+) ?(?:=~|!~|!=|=)", inner or ""))


@pytest.fixture
def known(client: TestClient) -> dict[str, set[str]]:
    """Names of samples -> their labels, as /metrics tells them."""
    client.get("/recommend?user=ana&mood=happy")
    metrics.EXPERIMENTS.labels("test", "a").inc()
    metrics.EXPERIMENT_FEEDBACK.labels("test", "a", "like").inc()
    text = client.get("/metrics").text
    found = {name: set(labels) for name, labels in _ITS_OWN.items()}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_expression_asks_for_what_there_is(known: dict[str, set[str]]) -> None:
    seen = set()
    for expression in expressions():
        parts = list(selectors(expression))
        assert parts, expression
        for name, labels in parts:
            assert name in known, f"{name} is not in /metrics: {expression}"
            assert labels <= known[name] | _ADDED, expression
            seen.add(name)
        grouped = re.findall(r"\bby ?\(([^)]*)\)", expression)
        for labels in (set(re.split(r",\s*", group)) for group in grouped):
            assert labels <= set().union(*(known[n] for n, _ in parts)) | _ADDED, expression
    own = {name for name in known if name.startswith("attune_")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in own}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in seen} >= families, (
        "every number of ours is on the dashboard or in an alert"
    )


def test_the_test_itself_sees_a_wrong_name() -> None:
    found = dict(selectors('sum by (route) (rate(attune_wrong_total{job=~"$job",x="y"}[5m]))'))
    assert found == {"attune_wrong_total": {"job", "x"}}


def test_the_dashboard_can_be_imported() -> None:
    board = dashboard()
    assert board["uid"] == "attune"
    assert board["schemaVersion"] >= 36
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}"
            used = {a or b for a, b in re.findall(r"\$(?:\{(\w+)\}|(\w+))", target["expr"])}
            assert used <= _TEMPLATES, target["expr"]
    names = {variable["name"] for variable in board["templating"]["list"]}
    assert names == {"datasource", "job"}


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_says_what_to_do() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    for rule in alerts():
        assert set(rule["annotations"]) == {"summary", "action"}
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_scrape_example_asks_the_right_route() -> None:
    example = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    (job,) = example["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("attune", "/metrics")
    assert example["rule_files"] == ["alerts.yml"]
