"""The manifest: what its parts say of each other agrees, and its configuration is valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtserver.service.cli import main
from rtserver.service.config import environment_name, load_config, valid_keys
from rtserver.service.ending import longest_end
from rtserver.service.settings import Config
from tests.support.deployment import documents

MANIFEST = {document["kind"]: document for document in documents("kubernetes.yaml")}
POD: dict[str, Any] = MANIFEST["Deployment"]["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
VERSIONS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "PodDisruptionBudget": "policy/v1",
    "Service": "v1",
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The configuration of a pod."""
    for variable in CONTAINER["env"]:
        assert variable["name"] in map(environment_name, valid_keys())
        monkeypatch.setenv(variable["name"], variable["value"])
    monkeypatch.setenv("RTSERVER_APP_DIR", str(tmp_path))  # /srv of the image
    (tmp_path / "rtserver.toml").write_text(MANIFEST["ConfigMap"]["data"]["rtserver.toml"])
    return load_config(tmp_path / "rtserver.toml")


def test_what_there_is() -> None:
    assert {kind: document["apiVersion"] for kind, document in MANIFEST.items()} == VERSIONS
    assert {document["metadata"]["name"] for document in MANIFEST.values()} == {"rtserver"}


def test_selectors_find_the_pods() -> None:
    labels = POD["metadata"]["labels"]
    assert MANIFEST["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFEST["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFEST["Service"]["spec"]["selector"] == labels
    (spread,) = POD["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels


def test_a_pod_is_given_the_time_that_its_end_takes(config: Config) -> None:
    assert POD["spec"]["terminationGracePeriodSeconds"] >= longest_end(config)


def test_probes_ask_the_internal_port_for_what_is_there(config: Config) -> None:
    assert {"clients": config.listen.port, "internal": config.internal.port} == PORTS
    assert (config.listen.host, config.internal.host) == ("0.0.0.0", "0.0.0.0")
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {"internal"}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/health",
        "liveness": "/health",
        "readiness": "/ready",
    }
    annotations = POD["metadata"]["annotations"]
    assert config.metrics.enabled
    assert int(annotations["prometheus.io/port"]) == config.internal.port


def test_the_service_leads_to_the_clients_port() -> None:
    service = MANIFEST["Service"]["spec"]
    assert [port["targetPort"] for port in service["ports"]] == ["clients"]
    assert service["sessionAffinity"] == "ClientIP"


def test_a_drain_is_noticed_before_the_clients_are_closed(config: Config) -> None:
    readiness = CONTAINER["readinessProbe"]
    assert config.drain_delay > readiness["periodSeconds"] * readiness["failureThreshold"]


def test_the_configuration_is_where_the_command_looks() -> None:
    command, option, file = CONTAINER["args"]
    assert (command, option) == ("serve", "--config")
    (mount,) = CONTAINER["volumeMounts"]
    (volume,) = POD["spec"]["volumes"]
    assert mount["name"] == volume["name"]
    assert volume["configMap"]["name"] == MANIFEST["ConfigMap"]["metadata"]["name"]
    folder, _, name = file.rpartition("/")
    assert mount["mountPath"] == folder
    assert name in MANIFEST["ConfigMap"]["data"]


def test_a_pod_has_few_rights() -> None:
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert POD["spec"]["enableServiceLinks"] is False
    assert POD["spec"]["securityContext"]["runAsNonRoot"] is True
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert ":latest" not in CONTAINER["image"]
    assert ":" in CONTAINER["image"]


def test_a_wrong_configuration_would_be_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rtserver.toml"
    file.write_text(MANIFEST["ConfigMap"]["data"]["rtserver.toml"].replace("drain_time", "drain_tim"))
    assert main(["check-config", "--config", str(file)]) == 2
    assert "drain_tim: unknown setting" in capsys.readouterr().err
