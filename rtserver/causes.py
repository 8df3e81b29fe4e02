"""What errors of other packages say, in sentences of ours."""

from __future__ import annotations

__all__ = ["cause"]


def cause(error: BaseException) -> str:
    """Return what an error says, to stand in a sentence; its kind where it says nothing."""
    return str(error).rstrip(".") or type(error).__name__
