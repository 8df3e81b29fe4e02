"""What a query of Prometheus asks for: the metrics in it, and the labels that it sums by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import promql_parser

__all__ = ["Query", "read"]

OF_PROMETHEUS = frozenset({"instance", "job"})
"""Labels that Prometheus adds itself."""


@dataclass
class Query:
    """What a query needs to be there."""

    labels: dict[str, set[str]] = field(default_factory=dict)
    """By each metric, the labels that it is expected to have."""


def read(text: str) -> Query:
    """Parse a query, with the variables of a dashboard in it.

    Raises:
        ValueError: It isn't one.
    """
    query = Query()
    _walk(promql_parser.parse(text.replace("$__rate_interval", "5m")), set(), query)
    return query


def _walk(node: Any, labels: set[str], query: Query) -> None:
    if isinstance(node, promql_parser.VectorSelector):
        assert node.name is not None, "a query without the name of a metric"
        matched = {matcher.name for matcher in node.matchers.matchers}
        query.labels.setdefault(node.name, set()).update((labels | matched) - OF_PROMETHEUS)
        return
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
        labels = set(node.modifier.labels)  # what stands around it sees no others
    for child in _children(node):
        _walk(child, labels, query)


def _children(node: Any) -> Iterator[Any]:
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield child
    yield from getattr(node, "args", ())
