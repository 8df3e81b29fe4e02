"""``rtserver token``: make a token, to try a service with."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import Any

from rtserver.errors import StartError
from rtserver.service.commands.values import read_value
from rtserver.service.config import load_config, needs_file

__all__ = ["add"]

_EXAMPLES = """\
examples:
  rtserver token --config rtserver.toml --user ada
  rtserver token --config rtserver.toml --user ada --claim role=admin --lifetime 12h
  token=$(rtserver token --config rtserver.toml --user ada)
  rtserver client http://127.0.0.1:8000 --auth "{\\"token\\": \\"$token\\"}"

The token is signed with the first secret in [[auth.keys]]. Whoever has it is that user: don't keep it.
"""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "token",
        help="make a token for a test",
        description="Make a JSON Web Token that a service with this configuration accepts, and print it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run, refuse=parser.error)
    parser.add_argument("--config", type=Path, metavar="FILE", help="the service's config file")
    parser.add_argument("-u", "--user", required=True, help="whose token it is: the claim auth.user")
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        type=_claim,
        metavar="NAME=VALUE",
        help="a further claim, its value as JSON or as text; may be repeated",
    )
    parser.add_argument(
        "--lifetime",
        type=_seconds,
        default=3600,
        metavar="TIME",
        help="such as 90s, 10m, 1h, 7d; 1h by default",
    )


def _run(options: argparse.Namespace) -> None:
    import jwt  # noqa: PLC0415 - what the other commands needn't load

    from rtserver.service.auth.keys import HMAC  # noqa: PLC0415

    if needs_file(options.config):
        options.refuse("expected --config, the service's file, which has the key to sign with")
    auth = load_config(options.config).auth
    secrets = [key for key in auth.keys if key.algorithm in HMAC]
    if not secrets:
        raise StartError(
            "token: expected a secret in [[auth.keys]] to sign with; with public keys alone only your login"
            " service can make tokens"
        )
    claims: dict[str, Any] = {auth.user: options.user, "exp": time.time() + options.lifetime}
    if auth.audience:
        claims["aud"] = auth.audience[0]
    if auth.issuer is not None:
        claims["iss"] = auth.issuer
    claims |= dict(options.claim)
    key = secrets[0].key()
    headers = None if key.id is None else {"kid": key.id}
    print(jwt.encode(claims, key.key, secrets[0].algorithm, headers))


def _claim(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected NAME=VALUE")
    return name, read_value(value)


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a number with s, m, h or d: 90s")
    return int(match[1]) * _UNITS[match[2]]
