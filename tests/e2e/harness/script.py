"""Programs in JavaScript, as a page of the documentation shows them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

__all__ = ["run_script"]

FOLDER = Path(__file__).parents[1]
"""Where Node.js finds the official clients."""
PATIENCE = 20.0


async def run_script(program: str, *, is_module: bool = False) -> Any:
    """Run a program until it ends, and return what it has printed, a line of JSON.

    Args:
        program: The program.
        is_module: Whether it imports, instead of requiring.

    Raises:
        AssertionError: It has failed; with what it has written to its standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *(
            shutil.which("node") or "node",
            f"--input-type={'module' if is_module else 'commonjs'}",
            "-e",
            program,
        ),
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)
