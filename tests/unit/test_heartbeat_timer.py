"""Heartbeats: at their interval, sooner with news."""

from __future__ import annotations

import asyncio
import time

from taskq_worker.heartbeat_timer import SOONEST, HeartbeatTimer

INTERVAL_S = 1.6


def seconds_until_beat(*, news: bool) -> float:
    async def beat() -> float:
        timer = HeartbeatTimer(INTERVAL_S)
        if news:
            timer.news()
        began = time.monotonic()
        await timer.next()
        return time.monotonic() - began

    return asyncio.run(beat())


def test_without_news_a_heartbeat_is_due_after_the_interval() -> None:
    assert seconds_until_beat(news=False) >= 0.99 * INTERVAL_S


def test_news_is_told_before_the_interval_is_over_but_not_at_once() -> None:
    assert 0.99 * SOONEST * INTERVAL_S <= seconds_until_beat(news=True) < INTERVAL_S


def test_news_is_told_once() -> None:
    async def beats() -> list[float]:
        timer = HeartbeatTimer(INTERVAL_S / 4)
        timer.news()
        began = time.monotonic()
        await timer.next()
        await timer.next()
        return [time.monotonic() - began]

    [both] = asyncio.run(beats())
    assert both >= 0.99 * (SOONEST + 1) * INTERVAL_S / 4


def test_an_interval_that_is_set_anew_holds_from_the_next_heartbeat_on() -> None:
    async def beats() -> float:
        timer = HeartbeatTimer(10 * INTERVAL_S)
        timer.beat_every(INTERVAL_S / 4)
        began = time.monotonic()
        await timer.next()
        return time.monotonic() - began

    assert asyncio.run(beats()) < INTERVAL_S
