"""Find the application that the configuration names, and hand it the server."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from rtserver.errors import StartError
from rtserver.host import Server

__all__ = ["fault", "load_application", "set_up_application"]


def load_application(import_path: str, folder: Path) -> Server | Callable[..., Any]:
    """Import the application.

    Args:
        import_path: ``package.module:attribute``, checked by the configuration already.
        folder: Where its module is looked for first.

    Raises:
        StartError: It can't be imported, or is neither a Server nor callable.
    """
    module_name, _, attribute = import_path.partition(":")
    if (entry := str(folder.absolute())) not in sys.path:
        sys.path.insert(0, entry)
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        hint = f"; looked in {entry} first (app_dir)" if _is_absence(error, module_name) else ""
        raise StartError(f'app: can\'t import "{import_path}": {fault(error)}{hint}') from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            file = getattr(sys.modules[module_name], "__file__", module_name)
            raise StartError(f'app: can\'t import "{import_path}": {file} defines no "{name}"')
        found = getattr(found, name)
    if isinstance(found, Server):
        return found
    if callable(found):
        function: Callable[..., Any] = found
        return function
    raise StartError(
        f'app: "{import_path}" is of type {type(found).__name__},'
        " expected a rtserver.Server or a function that receives one"
    )


async def set_up_application(
    import_path: str, function: Callable[..., Any], server: Server, host: web.Application
) -> None:
    """Call an application's function with the server, and with the aiohttp Application if it takes two.

    Raises:
        StartError: It takes neither one argument nor two, or it raised an exception.
    """
    arguments = _arguments(import_path, function, (server, host))
    try:
        result = function(*arguments)
        if inspect.isawaitable(result):
            await result
    except Exception as error:
        raise StartError(f'app: "{import_path}" failed: {fault(error)}') from error


def _arguments(import_path: str, function: Callable[..., Any], offered: tuple[Any, ...]) -> tuple[Any, ...]:
    signature = inspect.signature(function)
    for count in (len(offered), 1):
        try:
            signature.bind(*offered[:count])
        except TypeError:
            continue
        return offered[:count]
    raise StartError(
        f'app: "{import_path}" has the parameters {signature},'
        " expected one (the Server) or two (the Server and the aiohttp Application)"
    )


def _is_absence(error: BaseException, module: str) -> bool:
    """Tell whether the application's own module wasn't found, rather than one that it imports."""
    return isinstance(error, ModuleNotFoundError) and (
        module == error.name or module.startswith(f"{error.name}.")
    )


def fault(error: BaseException) -> str:
    """Write an exception on one line, with the place in the application where it came from."""
    message = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    place = _place(error.__traceback__)
    return f"{type(error).__name__}: {message}" + (f" ({place})" if place else "")


def _place(trace: TracebackType | None) -> str | None:
    """Find the innermost line of code that is neither ours nor the import system's."""
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if not frame.filename.startswith("<frozen importlib")
        and frame.filename not in {__file__, importlib.__file__}
    ]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else None
