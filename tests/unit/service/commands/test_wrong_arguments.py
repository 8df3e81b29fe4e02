"""Each wrong command line: exit status 2, and one line that says what was received and what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtserver.service.cli import main

URL = "http://127.0.0.1:8000"
NO_URL = "expected a URL such as http://127.0.0.1:8000"
NO_NAMESPACE = "received 'chat', expected a namespace such as /chat"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("client 127.0.0.1:8000", NO_URL),
        ("client ftp://127.0.0.1", NO_URL),
        ("client http://", NO_URL),
        ("client http://127.0.0.1:99999", NO_URL),
        ("client http://[::1", NO_URL),
        (f"client {URL} --namespace chat", NO_NAMESPACE),
        (f"client {URL} --auth {{", "received '{', expected JSON"),
        ("emit news", "expected --config, a server's file with the Redis of the cluster, or --api"),
        ("emit news --api there", NO_URL),
        (f"emit news --api {URL}", "--api needs --key-file, a file with a key of [[api.keys]]"),
        ("emit news --ack 1", "--user, --ack and --key-file need --api"),
        (f"emit news --api {URL} --ack soon", "received 'soon', expected a number above 0"),
        ("emit news --namespace chat", NO_NAMESPACE),
        ("token --user ada", "expected --config, the service's file, which has the key to sign with"),
        ("token --user ada --lifetime 3", "received '3', expected a number with s, m, h or d: 90s"),
        ("token --user ada --claim role", "received 'role', expected NAME=VALUE"),
        ("status", "expected --config, the service's file, or --url"),
        ("status --url there", NO_URL),
        ("bench there", NO_URL),
        (f"bench {URL} --namespace chat", NO_NAMESPACE),
        (f"bench {URL} --connections 0", "received '0', expected a whole number, 1 or more"),
        (f"bench {URL} --duration -1", "received '-1', expected a number above 0"),
        (f"bench {URL} --expect said", "received --expect without --emit, expected the event"),
        (f"bench {URL} --connections 2 --processes 3", "received 3 processes, expected as many as"),
    ],
)
def test_it_is_said_what_is_expected(line: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    errors = [each for each in capsys.readouterr().err.splitlines() if "error: " in each]
    assert len(errors) == 1
    assert problem in errors[0]


def test_a_key_file_without_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "api.key").write_text("\n")
    arguments = ["emit", "news", "--api", f"{URL}/api", "--key-file", str(tmp_path / "api.key")]
    assert main(arguments) == 1
    assert capsys.readouterr().err == (
        f"rtserver: --key-file: {tmp_path / 'api.key'} is empty, expected a key of [[api.keys]]\n"
    )
