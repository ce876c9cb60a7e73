"""Traces: spans of requests and stages, and nothing of who asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from api.app import create_app
from api.tracing import STANDARD, Tracing, open_tracing, provider_of, traces_url
from data.db.session import Database
from data.settings import Settings
from data.timing import set_timer
from tests.api.fakes import FakeEngine

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(
    spans: InMemorySpanExporter, database: Database, engine: FakeEngine, tmp_path: Path
) -> Iterator[TestClient]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    settings = Settings(home=tmp_path, watch_seconds=0, _env_file=None)  # type: ignore[call-arg]
    app = create_app(settings, engine=engine, database=database, tracing=Tracing(provider))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
    set_timer(None)


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = [span for span in spans.get_finished_spans() if span.name == name]
    return found


def written(spans: Sequence[ReadableSpan]) -> str:
    """Everything that leaves the process about spans."""
    return "".join(span.to_json() for span in spans)


def test_a_request_and_its_stages_are_one_trace(
    traced: TestClient, spans: InMemorySpanExporter
) -> None:
    traced.get("/recommend?user=zoe-private&mood=happy&query=rain-private")
    request = named(spans, "GET /recommend")
    assert dict(request.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/recommend",
        "http.response.status_code": 200,
    }
    for stage in ("history", "rank", "songs", "serialise"):
        span = named(spans, stage)
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id
        assert not span.attributes
    assert "private" not in written(spans.get_finished_spans())
    assert "happy" not in written(spans.get_finished_spans())


def test_the_callers_trace_goes_on(traced: TestClient, spans: InMemorySpanExporter) -> None:
    headers = {"traceparent": PARENT, "baggage": "user=zoe-private"}
    with capture_logs(processors=[_merge()]) as lines:
        traced.get("/recommend?user=zoe", headers=headers)
    span = named(spans, "GET /recommend")
    assert f"{span.context.trace_id:032x}" == PARENT.split("-")[1]
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["trace_id"] == PARENT.split("-")[1]
    assert "private" not in written(spans.get_finished_spans())


def _merge() -> Any:
    from structlog.contextvars import merge_contextvars

    return merge_contextvars


@pytest.mark.parametrize("given", ["", "00-xyz", "00-" + 32 * "0" + "-" + 16 * "0" + "-01"])
def test_a_wrong_traceparent_begins_a_new_trace(
    traced: TestClient, spans: InMemorySpanExporter, given: str
) -> None:
    assert traced.get("/health/live", headers={"traceparent": given}).status_code == 200
    assert named(spans, "GET /health/live").parent is None


def test_an_error_is_marked_without_its_message(
    traced: TestClient, spans: InMemorySpanExporter, engine: FakeEngine
) -> None:
    engine.error = RuntimeError("what zoe-private sent")
    assert traced.get("/recommend?user=zoe").status_code == 500
    span = named(spans, "GET /recommend")
    assert span.status.status_code.name == "ERROR"
    assert not span.status.description
    assert not span.events
    assert "private" not in written(spans.get_finished_spans())


def test_a_path_that_nobody_serves_is_not_told(
    traced: TestClient, spans: InMemorySpanExporter
) -> None:
    traced.get("/private-thing")
    assert named(spans, "GET unmatched").attributes
    assert "private" not in written(spans.get_finished_spans())


def test_off_unless_a_collector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in STANDARD:
        monkeypatch.delenv(name, raising=False)
    assert open_tracing(Settings(_env_file=None)) is None  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["", *STANDARD])
def test_on_by_the_setting_or_the_standard_variables(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for standard in STANDARD:
        monkeypatch.delenv(standard, raising=False)
    endpoint = "http://127.0.0.1:1"
    if name:
        monkeypatch.setenv(name, endpoint)
    given: dict[str, Any] = {} if name else {"otel_endpoint": endpoint}
    tracing = open_tracing(Settings(_env_file=None, **given))
    assert tracing is not None
    tracing.stop()


def test_where_traces_go() -> None:
    assert traces_url("http://collector:4318") == "http://collector:4318/v1/traces"
    assert traces_url("http://collector:4318/") == "http://collector:4318/v1/traces"
    assert traces_url("https://host/otlp/v1/traces") == "https://host/otlp/v1/traces"


def test_spans_say_which_service_they_are_of(spans: InMemorySpanExporter) -> None:
    provider = provider_of(spans)
    provider.get_tracer("test").start_span("one").end()
    provider.force_flush()
    (span,) = spans.get_finished_spans()
    assert span.resource.attributes["service.name"] == "attune"
    provider.shutdown()


WITHOUT_THE_EXTRA = """
import json, sys
for name in ("opentelemetry.sdk", "opentelemetry.exporter"):  # FastAPI brings the API itself
    sys.modules[name] = None
import structlog
from api.tracing import open_tracing
from data.settings import Settings
with structlog.testing.capture_logs() as lines:
    found = open_tracing(Settings(_env_file=None, otel_endpoint="http://127.0.0.1:1"))
import api.app
sys.stdout.write(json.dumps({"tracing": found is not None, "lines": lines}))
"""


def test_without_the_extra_the_log_says_so_and_the_service_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA], capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    assert said["tracing"] is False
    assert [line["event"] for line in said["lines"]] == ["tracing_off"]
    assert "attune[otel]" in said["lines"][0]["remedy"]


WITH_A_GLOBAL_PROVIDER = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
spans, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
from starlette.testclient import TestClient
from api.app import create_app
from data.settings import Settings
client = TestClient(create_app(Settings(_env_file=None)))  # without its lifespan: no models
client.get("/health/live?user=zoe-private")
sys.stdout.write(f"spans: {len(spans.get_finished_spans())}\\n")
"""


def test_the_frameworks_own_telemetry_stays_off(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITH_A_GLOBAL_PROVIDER]
    environment = {**os.environ, "FASTAPI_OTEL_AUTO_CONFIGURE": "true"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "spans: 0"  # an access line comes before
