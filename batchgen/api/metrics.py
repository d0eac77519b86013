"""`GET /metrics`: requests by endpoint and outcome, batches by status, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batchgen.errors import BatchgenError

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The figures of one application."""

    def __init__(self, batches: Callable[[], Mapping[str, int]]) -> None:
        """Take what counts batches by status; where it raises, they are left out of that answer."""
        self._registry = CollectorRegistry()
        names = ("method", "route", "status")
        self._requests = Counter("batchgen_http_requests", "Requests answered.", names, registry=self._registry)
        self._seconds = Histogram(
            "batchgen_http_request_seconds", "How long an answer took.", names[:2], registry=self._registry
        )
        self._registry.register(_Batches(batches))

    def text(self) -> bytes:
        """All figures in Prometheus' format; waits for Redis."""
        return generate_latest(self._registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. Anybody can make up methods, and each new one would be figures that stay."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class _Batches(Collector):
    def __init__(self, batches: Callable[[], Mapping[str, int]]) -> None:
        self._batches = batches

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        gauge = GaugeMetricFamily("batchgen_batches", "Batches by status.", labels=["status"])
        try:
            for status, count in self._batches().items():
                gauge.add_metric([status], count)
        except BatchgenError:  # Redis is away: /ready says so
            return
        yield gauge


class CountedRequests:
    """Counts every request by the endpoint that answered it, not by its path, of which there is no end."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Take the application."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.count(scope["method"], route, status, time.perf_counter() - began)
