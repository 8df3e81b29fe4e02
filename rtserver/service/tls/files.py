"""Notice that files have been replaced or written to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["Files"]

_Look = tuple[tuple[int, ...] | None, ...]


class Files:
    """Some files, as they were when this object was made.

    Links are followed, as renewals often change only where these lead.

    Args:
        paths: Where they are.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._known = self._latest = self._look()

    def have_changed(self) -> bool:
        """Look at them, and tell once for each change that it is over.

        It is over when they are what they were at the look before: certificate and key are two files, and
        neither is written in an instant.
        """
        before, self._latest = self._latest, self._look()
        if self._latest == self._known or self._latest != before:
            return False
        self._known = self._latest
        return True

    def _look(self) -> _Look:
        return tuple(map(_identity, self._paths))


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what is another for each content of a file; None if there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
