"""The units: directives that stand once, and a command line that is one."""

from __future__ import annotations

import re
import shlex

from rtserver.service.cli import main
from tests.support.deployment import text

REPEATED = {"ExecReload", "SystemCallFilter"}


def unit(name: str) -> dict[str, dict[str, str]]:
    """Read a unit: the directives by section."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text(f"systemd/{name}").splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = sections.setdefault(found[1], {})
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            assert key not in section or key in REPEATED, line
            section[key] = value
    return sections


def test_the_service() -> None:
    sections = unit("rtserver.service")
    assert list(sections) == ["Unit", "Service", "Install"]
    service = sections["Service"]
    assert service["Type"] == "notify"  # told by service/systemd/notify.py
    assert "NotifyAccess" not in service  # from the main process alone
    assert float(service["WatchdogSec"]) >= 10
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    check = service["ExecStart"].replace(" serve ", " check-config ")
    assert f"\nExecReload={check}\nExecReload=/bin/kill " in text("systemd/rtserver.service")
    assert service["KillMode"] == "mixed"
    assert service["Restart"] == "on-failure"
    assert int(service["LimitNOFILE"]) >= 100_000


def test_its_command_is_one(capsys: object) -> None:
    program, *arguments = shlex.split(unit("rtserver.service")["Service"]["ExecStart"])
    assert program.endswith("/bin/rtserver")
    assert arguments[0] == "serve"
    # read, but not carried out: there is no such file, which is exit status 2, that of a wrong configuration
    assert main(["check-config", *arguments[1:]]) == 2
    assert unit("rtserver.service")["Service"]["RestartPreventExitStatus"] == "2"


def test_the_socket() -> None:
    sections = unit("rtserver.socket")
    assert list(sections) == ["Unit", "Socket", "Install"]
    assert "Accept" not in sections["Socket"]  # the service accepts itself
    assert re.fullmatch(r"127\.0\.0\.1:\d+", sections["Socket"]["ListenStream"])
