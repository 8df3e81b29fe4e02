"""The command ``rtserver``."""

from __future__ import annotations

import argparse
import logging
import sys
import typing
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

from rtserver.errors import ConfigError, StartError
from rtserver.service.commands import bench, client, emit, status, token
from rtserver.service.config import load_config
from rtserver.service.log_settings import Level
from rtserver.service.logs import configure_logging
from rtserver.service.reference import default_config
from rtserver.service.reference_page import configuration_page
from rtserver.service.tls.context import tls_context
from rtserver.service.workers.count import worker_count

__all__ = ["main"]

logger = logging.getLogger("rtserver.service")

_OK, _FAILURE, _BAD_USAGE, _INTERRUPTED = 0, 1, 2, 130

_REFERENCES = {"toml": default_config, "markdown": configuration_page}

_EXAMPLES = """\
examples:
  rtserver default-config > rtserver.toml       write a file with every setting and its documentation
  rtserver check-config --config rtserver.toml  say what is wrong with it, if anything
  rtserver serve --config rtserver.toml         serve until SIGINT or SIGTERM

exit status: 0 done, 1 the service couldn't run, 2 wrong command line or configuration
"""

_SERVE_EXAMPLES = """\
examples:
  rtserver serve --config rtserver.toml
  rtserver serve --config rtserver.toml --port 9000 --log-level debug
  RTSERVER_APP=chat:setup RTSERVER_LISTEN__PORT=9000 rtserver serve

The command line precedes the environment, the environment precedes the file.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the program's name; by default the process's own.

    Returns:
        The exit status: 0 done, 1 the service couldn't run, 2 wrong command line or configuration.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return _BAD_USAGE
    except StartError as error:
        print(f"rtserver: {error}", file=sys.stderr)
        return _FAILURE
    except KeyboardInterrupt:
        return _INTERRUPTED
    return _OK


def _serve(options: argparse.Namespace) -> None:
    given = {
        "listen.host": options.host,
        "listen.port": options.port,
        "log.level": options.log_level,
        "workers": options.workers,
    }
    overrides = {key: value for key, value in given.items() if value is not None}
    load = partial(load_config, options.config, overrides)
    config = load()
    configure_logging(config.log)
    source = _describe_source(options.config)
    # other commands needn't load the server, nor a supervisor more than it needs
    try:
        if worker_count(config.workers) == 1:
            from rtserver.service.run import run  # noqa: PLC0415

            run(config, source, load)
        else:
            from rtserver.service.workers.supervisor import supervise  # noqa: PLC0415

            supervise(config, source, load)
    except (ConfigError, StartError) as error:
        if config.log.format != "json":
            raise
        logger.critical("%s", error)  # a log collector reads nothing else
        raise SystemExit(_BAD_USAGE if isinstance(error, ConfigError) else _FAILURE) from None


def _check(options: argparse.Namespace) -> None:
    tls_context(load_config(options.config).listen)
    print(f"{_describe_source(options.config)}: valid")


def _print_defaults(options: argparse.Namespace) -> None:
    print(_REFERENCES[options.format](), end="")


def _describe_source(file: Path | None) -> str:
    return str(file) if file else "environment and defaults"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rtserver",
        description="A Socket.IO server that runs as a service.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rtserver {metadata.version('rtserver')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve until SIGINT or SIGTERM",
        description="Serve until SIGINT or SIGTERM, which close the connections and end with status 0.",
        epilog=_SERVE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.set_defaults(run=_serve)
    _add_config(serve)
    serve.add_argument("--host", help="address to listen on, instead of listen.host")
    serve.add_argument(
        "--port", type=int, help="port to listen on, instead of listen.port; 0 takes a free one"
    )
    serve.add_argument(
        "--workers", type=_workers, metavar="N", help='processes that serve, or "auto", instead of workers'
    )
    serve.add_argument("--log-level", choices=typing.get_args(Level), help="instead of log.level")
    check = commands.add_parser(
        "check-config",
        help="say what is wrong with a configuration",
        description="Check a configuration, environment included, without importing the application."
        " Prints one line for each problem and ends with status 2 if there is any.",
    )
    check.set_defaults(run=_check)
    _add_config(check)
    defaults = commands.add_parser(
        "default-config",
        help="print every setting with its documentation",
        description="Print every setting with its documentation and default: as a TOML file, or as a page.",
    )
    defaults.add_argument(
        "--format", choices=list(_REFERENCES), default="toml", help='"toml", the default, or "markdown"'
    )
    defaults.set_defaults(run=_print_defaults)
    for command in (client, emit, token, status, bench):
        command.add(commands)
    return parser


def _workers(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file; without it, the environment's RTSERVER_ variables and the defaults",
    )
