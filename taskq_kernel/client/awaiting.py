"""What can be awaited, wherever asyncio takes a coroutine.

``await x`` needs only ``x.__await__()``, but `asyncio.create_task`, `asyncio.TaskGroup` and
`asyncio.run` ask for a coroutine: an object with ``send``, ``throw`` and ``close``. A real
coroutine can be awaited once; an `Awaited` any number of times, also at once, because each
asyncio task that drives it has a run of its own.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T_co = TypeVar("T_co", covariant=True)


class _Caller:
    """Stands for whoever drives a coroutine by hand, outside of asyncio."""


_BY_HAND = _Caller()


class Awaited(Coroutine[Any, Any, T_co]):
    """Something that ends with a result, and can be awaited as often as one likes."""

    #: The runs that have begun, by what drives them.
    _runs: WeakKeyDictionary[object, Generator[Any, Any, T_co]] | None = None

    @abstractmethod
    async def _result(self) -> T_co:
        """Wait for the result."""

    def __await__(self) -> Generator[Any, Any, T_co]:
        return self._result().__await__()

    def send(self, value: Any, /) -> Any:
        """Go on; for asyncio."""
        return self._step(lambda run: run.send(value))

    def throw(
        self, kind: Any, value: Any = None, trace: TracebackType | None = None, /
    ) -> Any:
        """Go on with an exception; for asyncio."""
        error = kind if isinstance(kind, BaseException) else kind() if value is None else value
        return self._step(lambda run: run.throw(error if trace is None else error.with_traceback(trace)))

    def close(self) -> None:
        """End the wait that was begun here, if one was; for asyncio. It changes nothing else."""
        run = self._runs.pop(_driver(), None) if self._runs else None
        if run is not None:
            run.close()

    def _step(self, go_on: Any) -> Any:
        if self._runs is None:
            self._runs = WeakKeyDictionary()
        driver = _driver()
        run = self._runs.get(driver)
        if run is None:
            run = self._runs[driver] = self.__await__()
        try:
            return go_on(run)
        except BaseException:  # it has ended, StopIteration included: who awaits it again starts again
            self._runs.pop(driver, None)
            raise


def _driver() -> object:
    try:
        return asyncio.current_task() or _BY_HAND
    except RuntimeError:  # no loop runs
        return _BY_HAND
