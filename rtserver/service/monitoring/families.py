"""Metrics as plain data: made in one process, merged from several, written for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from prometheus_client import Metric
from prometheus_client.registry import Collector

__all__ = ["Families", "Family", "Kind", "Sample"]

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value.

    Args:
        suffix: What follows the family's name: ``"_total"``, ``"_bucket"``, or nothing.
        labels: The labels.
        value: The value.
    """

    suffix: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """All values of one name.

    Args:
        name: The name, with its unit at the end and without a counter's ``_total``.
        kind: What the values are.
        help: One sentence.
        samples: The values.
    """

    name: str
    kind: Kind
    help: str
    samples: list[Sample] = field(default_factory=list)

    @classmethod
    def of(
        cls, name: str, kind: Kind, help: str, values: float | Mapping[str, float], label: str = ""
    ) -> Family:
        """Make a family of one value, or of one value for each value of a label."""
        suffix = "_total" if kind == "counter" else ""
        if isinstance(values, Mapping):
            samples = [Sample(suffix, {label: key}, value) for key, value in sorted(values.items())]
        else:
            samples = [Sample(suffix, {}, values)]
        return cls(name, kind, help, samples)

    @classmethod
    def from_metric(cls, metric: Metric) -> Family:
        """Take over what one of prometheus_client's own collectors has made."""
        samples = [Sample(each.name[len(metric.name) :], each.labels, each.value) for each in metric.samples]
        return cls(metric.name, cast(Kind, metric.type), metric.documentation, samples)

    def as_data(self) -> list[Any]:
        """Return the same as JSON has it."""
        samples = [[each.suffix, dict(each.labels), each.value] for each in self.samples]
        return [self.name, self.kind, self.help, samples]

    @classmethod
    def from_data(cls, data: Sequence[Any]) -> Family:
        """Read what `as_data` has made."""
        name, kind, help, samples = data
        return cls(name, kind, help, [Sample(*each) for each in samples])


class Families(Collector):
    """Families in the form that prometheus_client writes.

    Args:
        families: Those of this process, or of all of them.
    """

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    @classmethod
    def merged(cls, processes: Mapping[str, Iterable[Family]], own: Iterable[Family] = ()) -> Families:
        """Merge the families of several processes, by a label with the name of each.

        Args:
            processes: Their families, by their names.
            own: Families of all of them together.
        """
        merged: dict[str, Family] = {}
        for worker, families in processes.items():
            for family in families:
                found = merged.setdefault(family.name, Family(family.name, family.kind, family.help))
                for each in family.samples:
                    found.samples.append(Sample(each.suffix, {**each.labels, "worker": worker}, each.value))
        return cls([*own, *merged.values()])

    def collect(self) -> Iterable[Metric]:
        """Return the families as prometheus_client has them."""
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            for sample in family.samples:
                metric.add_sample(family.name + sample.suffix, dict(sample.labels), sample.value)
            yield metric
