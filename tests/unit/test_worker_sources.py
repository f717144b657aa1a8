"""Code that a worker asks for once, however many of its tasks need it."""

from __future__ import annotations

import asyncio

import pytest
from taskq_worker.claims import patience
from taskq_worker.claims import sources as module
from taskq_worker.claims.sources import Sources

from taskq_kernel.errors import NotFound, ServiceUnreachable


class Service:
    """Has code, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = 0

    async def source(self, sha256: str) -> str:
        self.asked.append(sha256)
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            raise ServiceUnreachable("away")
        if sha256 == "nothing":
            raise NotFound("no code has this SHA-256", "NOT_FOUND")
        return f"code of {sha256}"


def test_several_slots_that_need_the_same_code_ask_once() -> None:
    async def look() -> None:
        service = Service()
        sources = Sources(service.source)
        found = await asyncio.gather(*(sources.code("a", lambda: True) for _ in range(4)))
        assert found == ["code of a"] * 4
        assert await sources.code("a", lambda: True) == "code of a"
        assert service.asked == ["a"]

    asyncio.run(look())


def test_what_is_kept_is_bounded_and_what_was_used_last_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look() -> None:
        monkeypatch.setattr(module, "MOST_CHARACTERS", 2 * len("code of a"))
        service = Service()
        sources = Sources(service.source)
        for name in ("a", "b", "a", "c", "a", "b"):
            await sources.code(name, lambda: True)
        assert service.asked == ["a", "b", "c", "b"]

    asyncio.run(look())


def test_a_service_that_is_away_is_asked_again_as_long_as_the_code_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def look() -> None:
        monkeypatch.setattr(patience, "BACKOFF_S", (0.001, 0.002))
        service = Service()
        service.away = 3
        sources = Sources(service.source)
        assert await sources.code("a", lambda: True) == "code of a"
        service.away = 10**6
        assert await sources.code("b", lambda: len(service.asked) < 9) is None

    asyncio.run(look())


def test_code_that_is_gone_is_an_error_of_its_task() -> None:
    async def look() -> None:
        with pytest.raises(NotFound):
            await Sources(Service().source).code("nothing", lambda: True)

    asyncio.run(look())
