from __future__ import annotations

import pytest

from rtserver.errors import ApiError
from rtserver.service.api.keys import Key
from rtserver.service.api.rates import Rates


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def key(name: str = "shop", rate: float | None = 2, burst: int = 3) -> Key:
    return Key(name, b"", ["*"], ["*"], rate, burst)


def do(rates: Rates, key: Key, commands: int = 1) -> bool:
    try:
        rates.admit(key)
    except ApiError:
        return False
    rates.charge(key, commands)
    return True


def test_a_burst_and_then_the_rate() -> None:
    time = Time()
    rates = Rates(time)
    assert [do(rates, key()) for _ in range(4)] == [True, True, True, False]
    time.now += 0.5
    assert [do(rates, key()) for _ in range(2)] == [True, False]
    time.now += 100
    assert [do(rates, key()) for _ in range(4)] == [True, True, True, False]


def test_a_batch_is_paid_for_afterwards() -> None:
    time = Time()
    rates = Rates(time)
    assert do(rates, key(), 10)
    with pytest.raises(ApiError) as caught:
        rates.admit(key())
    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "4"})
    time.now += 3.9
    assert not do(rates, key())
    time.now += 0.1
    assert do(rates, key())


def test_each_key_has_a_bucket_of_its_own() -> None:
    rates = Rates(Time())
    assert do(rates, key(), 10)
    assert do(rates, key("other"))


def test_a_key_without_a_limit_has_none() -> None:
    rates = Rates(Time())
    assert all(do(rates, key(rate=None), 1000) for _ in range(10))
