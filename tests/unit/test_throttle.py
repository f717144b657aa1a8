"""The brake on wrong tokens, with time that stands still."""

from __future__ import annotations

import logging

import pytest
from starlette.requests import HTTPConnection

from taskq_kernel.service.security import throttle
from taskq_kernel.service.security.throttle import Throttle, TooManyFailures, address_of


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def waits(brake: Throttle, address: str, digest: str = "guess") -> int:
    """How long this token has to wait at this address, in seconds."""
    try:
        brake.check(address, digest)
    except TooManyFailures as error:
        return error.retry_after_s
    return 0


def exhausted(clock: Clock, per_minute: int = 6) -> Throttle:
    brake = Throttle(per_minute, clock)
    for _ in range(per_minute):
        assert waits(brake, "a") == 0
        brake.failed("a", "guess")
    return brake


def test_an_address_waits_until_its_next_attempt_is_due_and_not_longer() -> None:
    clock = Clock()
    brake = exhausted(clock)
    assert waits(brake, "a") == 10
    clock.now += 9.5
    assert waits(brake, "a") == 1
    clock.now += 0.5
    assert waits(brake, "a") == 0
    brake.failed("a", "guess")
    assert waits(brake, "a") == 10
    clock.now += 3600
    for _ in range(6):
        assert waits(brake, "a") == 0
        brake.failed("a", "guess")
    assert waits(brake, "a") == 10


def test_whoever_has_waited_as_told_is_let_in() -> None:
    clock = Clock()
    brake = exhausted(clock, per_minute=7)
    clock.now += waits(brake, "a")
    assert waits(brake, "a") == 0


def test_another_address_does_not_wait() -> None:
    assert waits(exhausted(Clock()), "b") == 0


def test_a_token_that_was_accepted_there_before_does_not_wait_until_it_fails_itself() -> None:
    clock = Clock()
    brake = Throttle(6, clock)
    brake.succeeded("a", "good")
    for _ in range(7):
        brake.failed("a", "guess")
    assert (waits(brake, "a", "good"), waits(brake, "a", "another") > 0) == (0, True)
    brake.failed("a", "good")  # it was revoked
    assert waits(brake, "a", "good") > 0


def test_a_token_that_was_accepted_elsewhere_waits_as_a_guess_does() -> None:
    brake = exhausted(Clock())
    brake.succeeded("b", "good")
    assert waits(brake, "a", "good") > 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "REMEMBERED", 100)
    brake = Throttle(6, Clock())
    for number in range(1000):
        brake.failed(f"a{number}", "guess")
        brake.succeeded(f"a{number}", "good")
    assert (len(brake._left), len(brake._good)) == (100, 100)


def test_it_is_said_once_each_time_an_address_runs_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        brake = exhausted(Clock())
        brake.failed("a", "guess")
    assert [record.message for record in caplog.records] == [
        "too many wrong tokens from a: further ones have to wait"
    ]


@pytest.mark.parametrize(
    ("host", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"), ("testclient", "testclient"), (None, ""),
    ],
)
def test_a_client_counts_by_its_address_or_its_network(host: str | None, counts_as: str) -> None:
    scope = {"type": "http", "client": None if host is None else (host, 1), "headers": []}
    assert address_of(HTTPConnection(scope)) == counts_as
