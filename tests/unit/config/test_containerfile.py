"""The container file: what hadolint would look at, and what it says of this repository."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator

import pytest

from rtserver.service.config import environment_name, valid_keys
from tests.support.deployment import documents, text
from tests.support.examples import ROOT


def instructions() -> Iterator[tuple[str, str]]:
    """Return the instructions and their arguments, lines that go on put together."""
    without_comments = re.sub(r"^#.*\n", "", text("Containerfile"), flags=re.MULTILINE)
    for line in without_comments.replace("\\\n", "").splitlines():
        if line.strip():
            name, _, arguments = line.partition(" ")
            yield name, arguments.strip()


FOUND = list(instructions())


def of(name: str) -> list[str]:
    return [arguments for found, arguments in FOUND if found == name]


def test_only_instructions_that_there_are() -> None:
    assert {name for name, _ in FOUND} <= {
        *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "EXPOSE", "USER", "STOPSIGNAL"),
        *("HEALTHCHECK", "ENTRYPOINT", "CMD"),
    }
    assert FOUND[0][0] == "FROM"


def test_images_have_registry_and_version_and_the_python_that_is_needed() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    least = tuple(map(int, wanted.removeprefix(">=").split(".")))
    for image in of("FROM"):
        found = re.match(r"docker\.io/library/python:(\d+)\.(\d+)-slim-\w+", image)
        assert found is not None, image
        assert (int(found[1]), int(found[2])) >= least
    assert len({image.split()[0] for image in of("FROM")}) == 1


def test_what_is_copied_exists() -> None:
    for arguments in of("COPY"):
        *sources, target = arguments.split()
        assert target
        if sources[0].startswith("--from="):
            assert f"AS {sources[0].removeprefix('--from=')}" in of("FROM")[0]
        else:
            assert all((ROOT / source).exists() for source in sources)


def test_it_runs_as_a_number_that_kubernetes_expects() -> None:
    (user,) = of("USER")
    (deployment,) = [each for each in documents("kubernetes.yaml") if each["kind"] == "Deployment"]
    context = deployment["spec"]["template"]["spec"]["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["runAsUser"] >= 10_000


def test_its_variables_are_settings() -> None:
    variables = dict(word.split("=", 1) for word in shlex.split(" ".join(of("ENV"))))
    ours = {name: value for name, value in variables.items() if name.startswith("RTSERVER_")}
    assert set(ours) <= set(map(environment_name, valid_keys()))
    (ports,) = of("EXPOSE")
    assert ports.split() == [ours["RTSERVER_LISTEN__PORT"], ours["RTSERVER_INTERNAL__PORT"]]


@pytest.mark.parametrize("name", ["ENTRYPOINT", "CMD"])
def test_no_shell_stands_between_signals_and_the_service(name: str) -> None:
    (arguments,) = of(name)
    assert isinstance(json.loads(arguments), list)
    assert of("STOPSIGNAL") == ["SIGTERM"]


def test_its_command() -> None:
    (entry,), (command,) = of("ENTRYPOINT"), of("CMD")
    assert json.loads(entry) == ["rtserver"]
    assert json.loads(command) == ["serve", "--config", f"{of('WORKDIR')[-1]}/rtserver.toml"]


def test_its_health_is_asked_for_where_it_is() -> None:
    (check,) = of("HEALTHCHECK")
    program, option, code = json.loads(check.partition("CMD ")[2])
    assert (program, option) == ("python", "-c")
    ast.parse(code)
    assert f":{of('EXPOSE')[0].split()[1]}/health" in code


def test_pip_leaves_no_cache() -> None:
    assert all("--no-cache-dir" in run for run in of("RUN") if "pip install" in run)
