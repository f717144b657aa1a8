"""Heartbeats: at their interval, sooner with news."""

from __future__ import annotations

import asyncio
import time

from taskq_worker.pulse import SOONEST, Pulse

INTERVAL_S = 1.6


def seconds_until_beat(*, news: bool) -> float:
    async def beat() -> float:
        pulse = Pulse(INTERVAL_S)
        if news:
            pulse.news()
        began = time.monotonic()
        await pulse.next()
        return time.monotonic() - began

    return asyncio.run(beat())


def test_without_news_a_heartbeat_is_due_after_the_interval() -> None:
    assert seconds_until_beat(news=False) >= 0.99 * INTERVAL_S


def test_news_is_told_before_the_interval_is_over_but_not_at_once() -> None:
    assert 0.99 * SOONEST * INTERVAL_S <= seconds_until_beat(news=True) < INTERVAL_S


def test_news_is_told_once() -> None:
    async def beats() -> list[float]:
        pulse = Pulse(INTERVAL_S / 4)
        pulse.news()
        began = time.monotonic()
        await pulse.next()
        await pulse.next()
        return [time.monotonic() - began]

    [both] = asyncio.run(beats())
    assert both >= 0.99 * (SOONEST + 1) * INTERVAL_S / 4
