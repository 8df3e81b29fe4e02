"""An event loop's time, which a test moves."""

from __future__ import annotations

from collections.abc import Callable


class FakeHandle:
    """What `FakeLoop.call_at` returns. Nothing cancels it."""

    def cancel(self) -> None: ...


class FakeLoop:
    """What a `Clock` needs of an event loop."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.calls: list[tuple[float, Callable[[], object]]] = []

    def time(self) -> float:
        return self.seconds

    def call_at(self, when: float, callback: Callable[[], object], /) -> FakeHandle:
        self.calls.append((when, callback))
        return FakeHandle()

    def advance(self, seconds: float) -> None:
        """Let time pass, and call what is due on the way."""
        end = self.seconds + seconds
        while self.calls and min(self.calls, key=lambda call: call[0])[0] <= end:
            call = min(self.calls, key=lambda entry: entry[0])
            self.calls.remove(call)
            self.seconds = max(self.seconds, call[0])
            call[1]()
        self.seconds = end
