"""The dashboard is what Grafana takes: its panels have places, its queries can be parsed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.deployment import dashboard, queries
from tests.support.promql import read

PANELS = dashboard()["panels"]
SHOWN: list[dict[str, Any]] = [panel for panel in PANELS if panel["type"] != "row"]


def test_panels_have_ids_and_titles_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert all(panel["title"] for panel in PANELS)


def test_no_panel_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.mark.parametrize("panel", SHOWN, ids=lambda panel: panel["title"])
def test_a_panel_asks_the_chosen_prometheus(panel: dict[str, Any]) -> None:
    assert panel["type"] in {"stat", "timeseries"}
    assert panel["fieldConfig"]["defaults"]["unit"]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == chosen
    for target in panel["targets"]:
        assert target["datasource"] == chosen
        assert '{job="$job", instance=~"$instance"}' in target["expr"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_its_variables() -> None:
    variables = {variable["name"]: variable for variable in dashboard()["templating"]["list"]}
    assert set(variables) == {"datasource", "job", "instance"}
    assert variables["job"]["definition"] == "label_values(rtserver_build_info, job)"


def test_legends_name_labels_that_are_summed_by() -> None:
    for panel in SHOWN:
        for target in panel["targets"]:
            legend = {part.split("}}")[0] for part in target["legendFormat"].split("{{")[1:]}
            for labels in read(target["expr"]).labels.values():
                by = "sum by" in target["expr"] or "min by" in target["expr"] or "max by" in target["expr"]
                assert not by or legend - {"instance"} <= labels, panel["title"]


@pytest.mark.parametrize("wrong", ["sum by (a) (rate(x[5m])", "rate(x)", "x[", "nothing(x)"])
def test_what_cant_be_parsed_is_noticed(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(wrong)


def test_every_query_names_a_metric() -> None:
    for place, query in queries():
        assert all(name.startswith(("rtserver_", "process_", "up")) for name in read(query).labels), place
