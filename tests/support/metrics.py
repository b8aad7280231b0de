"""What a server says at /metrics, read as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.support.servers import ChatServer

Labels = dict[str, str]


class Scrape:
    """All samples of one answer."""

    def __init__(self, server: ChatServer) -> None:
        """Ask a running server, from its own machine."""
        self.families = list(text_string_to_metric_families(server.get("/metrics")))
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    @property
    def names(self) -> set[str]:
        """Give the names that an expression may have."""
        return {name for name, _ in self._values}

    def value(self, name: str, **labels: str) -> float:
        """Give one sample's value. Raises KeyError."""
        return self._values[f"tchat_{name}", frozenset(labels.items())]

    def labelled(self, name: str) -> dict[str, float]:
        """Give the values of a metric with one label, by the label's value, but for zeros."""
        return {
            value: number
            for (each, labels), number in self._values.items()
            for _, value in labels
            if each == f"tchat_{name}" and number
        }
