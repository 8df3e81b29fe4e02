from __future__ import annotations

from dataclasses import dataclass

from rtserver.server.interface.delivery import Delivering, Delivery
from rtserver.server.target import PLAIN, Flags


@dataclass(frozen=True, slots=True)
class Chain(Delivery, Delivering["Chain"]):
    def _operator(self) -> Chain:
        return self


def test_each_step_adds_to_those_before_and_changes_none() -> None:
    chain = Chain()
    longer = chain.volatile.compress(False).conflate("price")
    assert longer.flags == Flags(volatile=True, compress=False, key="price")
    assert chain.flags is PLAIN


def test_what_comes_to_nothing_is_an_ordinary_event() -> None:
    assert Chain().compress(False).compress(True).flags is PLAIN
