"""Every error that taskq raises, in one tree.

The message of each says what was wrong, with which value, and what to do; the facts
it was built from stay on the exception as attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any

from taskq_kernel.printable import printable


class TaskqError(Exception):
    """Base class of every error that taskq raises on purpose.

    All of them can be pickled and copied, whatever they are made from: their arguments and
    attributes travel, the constructor is not called again.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[TaskqError], args: tuple[Any, ...]) -> TaskqError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


class SettingsError(TaskqError):
    """A setting, a flag or a configuration file has a value that cannot be used."""


class InvalidTask(TaskqError, ValueError):
    """Something that was given cannot be used: empty code, an unknown option, a bad value.

    What is wrong travels as data, from the service to whoever asked, so that a form can mark a
    field and the command line name an option. The message says the same in one sentence:
    ``inputs[3].priority is 7: give 0 (low), 1 (normal) or 2 (high)``.

    Parameters
    ----------
    problem, field, index
        The attributes.
    place : str, optional
        What the message calls the field. Default: its name.

    Attributes
    ----------
    problem : str
        What is wrong, to be read after the field's name: ``is 7: give 0 (low), ...``.
    field : str
        GraphQL's name of the field, such as ``memoryLimit``; ``arguments.n`` for one of the
        arguments; empty where it is about none.
    index : int or None
        The task's place in the list that was submitted, from 0; None where it was the only one.
    place : str
        What the message calls the field.
    """

    def __init__(self, problem: str, field: str = "", index: int | None = None, *, place: str | None = None) -> None:
        self.problem = problem
        self.field = field
        self.index = index
        self.place = field if place is None else place
        super().__init__(f"{self.place} {problem}" if self.place else problem)

    def at(self, place: str, index: int | None = None) -> InvalidTask:
        """The same error; its message calls the field ``place``."""
        moved = copy(self)
        moved.args = (f"{place} {self.problem}",)
        moved.index = self.index if index is None else index
        moved.place = place
        return moved

    def within(self, where: str, index: int | None = None) -> InvalidTask:
        """The same error; its message says that the field is one of what a request calls ``where``."""
        if not self.field:
            return self.at(where, index)
        if self.place in ("", self.field):
            return self.at(f"{where}.{self.field}", index)
        return self.at(f"{where}.{self.field.partition('.')[0]}: {self.place}", index)


class InvalidJSON(TaskqError, ValueError):
    """Text that is not JSON, or JSON that no part of taskq could hold."""


class InvalidParameter(InvalidTask):
    """A value that a parameter does not take.

    Attributes
    ----------
    name : str
        The parameter's.
    """

    def __init__(self, name: str, problem: str, title: str) -> None:
        super().__init__(problem, f"arguments.{name}", place=title)
        self.name = name


class InvalidDeclaration(InvalidTask):
    """Parameters that are not declared as they have to be.

    Attributes
    ----------
    line : int
        Where in the code, from 1.
    reason : str
        What is wrong there.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}", "code", place="")
        self.line = line
        self.reason = reason


class InvalidDefinition(InvalidTask):
    """A definition cannot be used, as the first task that called it found.

    Attributes
    ----------
    definition : str
        Its name.
    line : int or None
        The line at fault, from 1.
    """

    def __init__(self, definition: str, kind: str, problem: str, line: int | None) -> None:
        super().__init__(f"the definition {definition} cannot be used: {kind}: {problem}")
        self.definition, self.line = definition, line


class IllegalTransition(TaskqError):
    """A status change that the table of legal transitions does not have.

    Attributes
    ----------
    before, after : str
        The statuses between which the transition was asked for.
    """

    def __init__(self, before: str, after: str) -> None:
        super().__init__(f"a task cannot go from {before} to {after}")
        self.before = before
        self.after = after


class MessageError(TaskqError):
    """A broker message that cannot be decoded.

    Attributes
    ----------
    reason : str
        What was wrong with it, in one sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unreachable(TaskqError, ConnectionError):
    """A part of the stack does not answer."""


class BrokerUnreachable(Unreachable):
    """RabbitMQ does not answer, or closed the connection."""


class ServiceUnreachable(Unreachable):
    """The GraphQL service does not answer."""


class ClientClosed(TaskqError):
    """The client was closed, so nothing can be asked and nothing is heard any longer."""


class ClientMissing(TaskqError):
    """What came from another process needs a client of its service, and this process has none."""


class StackError(TaskqError):
    """The local stack could not be started, stopped or read."""


class SetupError(TaskqError):
    """Something that taskq needs on this machine is missing: RabbitMQ, Julia, a port."""


class ServiceError(TaskqError):
    """The service refused a request.

    Attributes
    ----------
    code : str
        The machine-readable reason: ``NOT_FOUND``, ``BAD_INPUT``, ``FORBIDDEN``, ...
    extensions : dict
        Whatever else the service said about it.
    """

    def __init__(self, message: str, code: str, extensions: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.extensions = extensions or {}


class NotFound(ServiceError):
    """No task, worker or batch has this id."""


class Unauthorized(ServiceError):
    """The token is missing, wrong, expired or revoked."""


class Forbidden(ServiceError):
    """The token is valid, and its role may not do this."""


class TaskFailed(TaskqError):
    """The task ended FAILED; its result cannot be had.

    Attributes
    ----------
    task : Any
        The task, as the client knows it.
    name : str
        The Julia exception's name, such as ``DomainError``, or taskq's own reason,
        such as ``TimeoutExceeded``.
    message : str
        The exception's message, as it is; ``str()`` of this error shows control characters instead.
    stacktrace : str
        The Julia stack trace, the user's lines first; empty where there is none.
    """

    def __init__(self, task: Any, name: str, message: str, stacktrace: str) -> None:
        text = f"task {task}: {name}: {message}"
        # A traceback prints it on a terminal.
        super().__init__(printable(f"{text}\n{stacktrace}" if stacktrace else text))
        self.task = task
        self.name = name
        self.message = message
        self.stacktrace = stacktrace


class TaskCancelled(TaskqError):
    """The task was cancelled; its result cannot be had."""


class TaskDeleted(TaskqError):
    """The task was deleted; its result cannot be had."""


class TaskTimeout(TaskqError, TimeoutError):
    """The task was not done within the time that the caller was ready to wait.

    The task itself goes on; wait again, or cancel it.
    """


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that led to it, the nearest first.

    Libraries keep what happened as an argument or an attribute as often as a cause.
    """
    seen: set[int] = set()
    left = [error]
    while left:
        one = left.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        kept = (getattr(one, name, None) for name in ("exception", "exceptions", "__cause__", "__context__"))
        for found in (*one.args, *kept):
            inside = found if isinstance(found, list | tuple) else (found,)
            left += [item for item in inside if isinstance(item, BaseException)]


def listed(values: Sequence[object], limit: int = 5) -> str:
    """Values as people read them: ``a, b and 3 more``."""
    shown = ", ".join(str(value) for value in values[:limit])
    more = len(values) - limit
    return f"{shown} and {more} more" if more > 0 else shown
