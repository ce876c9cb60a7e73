"""Traces by OpenTelemetry, where ``attune[otel]`` is installed and a collector is named.

One span for each request and one for each of its stages. Attributes hold the route's template, the
method and the status: never a path, a query string, a user id, a mood or an error's message. A
caller's W3C ``traceparent`` is taken on; its baggage is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import method_name, observed_stage
from api.middleware import route_of
from data.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_log = structlog.get_logger("attune.tracing")
#: The standard variables, which the library reads by itself; the first one wins.
STANDARD = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
#: Longest try to hand spans over, seconds: the service's end must not wait for a collector.
_EXPORT_S = 2.0


class Tracing:
    """Makes spans of requests and stages.

    Args:
        provider: of the library, with whatever takes the spans.
    """

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace = trace
        self._provider = provider
        self._tracer = provider.get_tracer("attune")
        self._parent = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, scope: Scope) -> Iterator[dict[str, int]]:
        """Trace one request; whoever serves it puts the ``status`` of the answer in.

        The trace's id is in every line that is logged meanwhile.
        """
        outcome: dict[str, int] = {}
        with self._span("request", self._given(scope), self._trace.SpanKind.SERVER) as span:
            trace_id = self._trace.format_trace_id(span.get_span_context().trace_id)
            with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                try:
                    yield outcome
                finally:
                    self._finish(span, scope, outcome)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Trace and time one run of a stage: a timer for :func:`data.timing.set_timer`."""
        with self._span(name), observed_stage(name):
            yield

    def stop(self) -> None:
        """Hand over the spans that are left."""
        self._provider.shutdown()

    def _given(self, scope: Scope) -> Any:
        """Return the caller's trace, if there is one."""
        headers = Headers(scope=scope)
        names = ("traceparent", "tracestate")
        return self._parent.extract({name: headers[name] for name in names if name in headers})

    def _finish(self, span: Any, scope: Scope, outcome: dict[str, int]) -> None:
        method, route = method_name(scope["method"]), route_of(scope)
        span.update_name(f"{method} {route}")
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.route", route)
        if "status" in outcome:
            span.set_attribute("http.response.status_code", outcome["status"])
        if outcome.get("status", 0) >= 500:
            span.set_status(self._trace.StatusCode.ERROR)

    def _span(self, name: str, context: Any = None, kind: Any = None) -> Any:
        # An exception's message may hold what a caller sent: it stays out.
        return self._tracer.start_as_current_span(
            name,
            context,
            kind or self._trace.SpanKind.INTERNAL,
            record_exception=False,
            set_status_on_exception=False,
        )


class TracingMiddleware:
    """Traces every request; outermost, so that the access log has the trace's id."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._tracing.request(scope) as outcome:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    outcome["status"] = message["status"]
                await send(message)

            await self._app(scope, receive, noted)


def open_tracing(settings: Settings) -> Tracing | None:
    """Return tracing towards the collector that settings or environment name; None for none.

    Where the extra is missing the log says so, and the service goes on without.
    """
    standard = next((os.environ[name] for name in STANDARD if os.environ.get(name)), None)
    if not settings.otel_endpoint and not standard:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError:
        _log.warning("tracing_off", remedy="pip install 'attune[otel]', or name no collector")
        return None
    named = settings.otel_endpoint and traces_url(settings.otel_endpoint)
    return Tracing(provider_of(OTLPSpanExporter(named or None, timeout=_EXPORT_S)))


def provider_of(exporter: SpanExporter) -> TracerProvider:
    """Return a provider that hands spans to ``exporter`` in the background."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    try:
        ours = {"service.version": version("attune")}
    except PackageNotFoundError:
        ours = {}
    if "OTEL_SERVICE_NAME" not in os.environ:
        ours["service.name"] = "attune"
    provider = TracerProvider(resource=Resource.create(ours))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def traces_url(endpoint: str) -> str:
    """Return where traces go at a collector, as the standard makes it of the endpoint for all."""
    return endpoint if endpoint.endswith("/v1/traces") else f"{endpoint.rstrip('/')}/v1/traces"
