"""Which of two numbers is larger, by all their digits: what SQLite asks where floats cannot tell them apart."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

from taskq_kernel.argument_conditions import INFINITIES

#: Numbers with so many digits, or fewer, are different floats where they are different.
FLOAT_DIGITS = 15


def install(connection: sqlite3.Connection) -> None:
    """Give a connection the function and the collation."""
    connection.create_function("taskq_decimal_order", 2, order, deterministic=True)
    connection.create_collation("taskq_decimal", collate)


def order(pair: str, number: str) -> int:
    """Below, equal or above: -1, 0 or 1.

    Parameters
    ----------
    pair : str
        A number as SQLite's ``json_extract`` writes it when it is asked for it twice: ``[200,200]``.
    number : str
        The other one, as JSON.
    """
    return _sign(_of_pair(pair), _decimal(number))


def collate(one: str, other: str) -> int:
    """The same for two pairs."""
    return _sign(_of_pair(one), _of_pair(other))


def _of_pair(pair: str) -> Decimal:
    return _decimal(pair[1 : 1 + (len(pair) - 3) // 2])


def _decimal(text: str) -> Decimal:
    return INFINITIES.get(text) or Decimal(text)


def _sign(one: Decimal, other: Decimal) -> int:
    return (one > other) - (one < other)
