"""The pytest plugin, as pytest loads it; and the documentation's tests, as a reader would run them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.examples import ROOT, example

PAGE = "docs/testing.md"

FAILING = """
from chat import sio

kept = []

async def test_handler_of_the_client_fails(rtserver_client):
    kept.append(await rtserver_client(sio, auth={"name": "Ada"}))
    @kept[0].on("really?")
    def answer():
        raise RuntimeError("from the client's handler")
    await kept[0].emit("leave")

async def test_it_is_disconnected_all_the_same():
    assert kept[0].disconnected == "client disconnect"
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # Without what happens to be installed, so that only the plugin named here is there.
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [
            *(sys.executable, "-W", "error", "-m", "pytest", "-p", "asyncio"),
            *("-p", "rtserver.testing.plugin", "-p", "no:cacheprovider"),
            *("-o", "asyncio_default_fixture_loop_scope=function", *options),
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def application(tmp_path: Path) -> Path:
    (tmp_path / "chat.py").write_text(example(PAGE, "chat"))
    return tmp_path


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_the_tests_of_the_documentation_pass(application: Path, mode: str) -> None:
    (application / "test_chat.py").write_text(example(PAGE, "test_chat"))
    done = run_pytest(application, "-o", f"asyncio_mode={mode}")
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_the_program_of_the_documentation_runs(application: Path) -> None:
    (application / "main.py").write_text(example(PAGE, "context"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "main.py"],
        cwd=application,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("6\n", "")


def test_a_failure_of_the_clients_is_the_tests(application: Path) -> None:
    (application / "test_failing.py").write_text(FAILING)
    done = run_pytest(application, "-o", "asyncio_mode=auto")
    assert "2 passed, 1 error" in done.stdout, done.stdout
    assert "from the client's handler" in done.stdout


def test_the_plugin_is_announced_to_pytest() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module = import_module(project["entry-points"]["pytest11"]["rtserver"])
    assert "rtserver_client" in vars(module)


def test_rtserver_needs_no_pytest() -> None:
    code = "import sys; sys.modules['pytest'] = None; import rtserver.testing"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True)
