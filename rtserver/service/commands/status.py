"""``rtserver status``: how a running service fares."""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from rtserver.errors import StartError
from rtserver.service.commands.values import read_url
from rtserver.service.config import load_config, needs_file
from rtserver.service.settings import Config

__all__ = ["add"]

TIMEOUT: Final = 5.0
"""Seconds that an answer may take."""
_SHOWN: Final = (
    ("rtserver_workers", "workers"),
    ("rtserver_connections", "connections"),
    ("rtserver_clients", "clients in namespaces"),
    ("rtserver_rooms", "rooms"),
    ("rtserver_waiting_bytes", "bytes that wait for clients"),
    ("rtserver_handler_errors_total", "failures of handlers"),
    ("rtserver_slow_clients_total", "slow clients disconnected"),
    ("rtserver_limited_total", "stopped by a limit"),
)
_EXAMPLES = """\
examples:
  rtserver status --config rtserver.toml
  rtserver status --url http://10.0.0.7:9000

exit status: 0 it is ready, 1 it isn't, or can't be reached, 2 wrong command line or configuration
"""


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "status",
        help="say how a running service fares",
        description="Ask a running service whether it is ready, and print its most important numbers.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_run, refuse=parser.error)
    parser.add_argument("--config", type=Path, metavar="FILE", help="the service's config file")
    parser.add_argument(
        "--url", type=read_url, help="where /ready and /metrics are, instead of what the file says"
    )


def _run(options: argparse.Namespace) -> None:
    if options.url is None and needs_file(options.config):
        options.refuse("expected --config, the service's file, or --url")
    url = options.url.rstrip("/") if options.url else _url(load_config(options.config))
    status, body = _get(f"{url}/ready")
    try:
        problems = list(json.loads(body)["problems"])
    except (ValueError, KeyError, TypeError):
        raise StartError(
            f"status: {url}/ready answers with the HTTP status {status}, and isn't rtserver's; a service with"
            " internal.port answers there alone"
        ) from None
    print("ready" if not problems else f"not ready: {', '.join(problems)}")
    status, body = _get(f"{url}/metrics")
    if status == 200:
        _show(body)
    else:
        print("no metrics: set metrics.enabled")
    if problems:
        raise StartError(f"status: {url} isn't ready")


def _url(config: Config) -> str:
    if config.internal.port:
        return f"http://{_reachable(config.internal.host)}:{config.internal.port}"
    if config.listen.unix_socket is not None or not config.listen.port:
        raise StartError("status: expected internal.port or listen.port, or --url, to know where to ask")
    scheme = "http" if config.listen.tls_certificate is None else "https"
    return f"{scheme}://{_reachable(config.listen.host)}:{config.listen.port}"


def _reachable(host: str) -> str:
    """Write a host as in a URL; this machine's own for one that stands for all of its addresses."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, ValueError) as error:
        raise StartError(f"status: {url}: {getattr(error, 'reason', error)}") from None


def _show(text: str) -> None:
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0) + sample.value
    for name, label in _SHOWN:
        if name in totals:
            print(f"{label}: {totals[name]:,.0f}")
