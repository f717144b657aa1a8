"""Several outcomes in one message: what a message costs on its way is shared by all of them.

A bundle is ``{"schema": 1, "outcomes": [...]}``, each entry whole, as it would travel alone, with its own
attempt as the fence. An earlier release reads single outcomes only, and makes a dead letter of a bundle; so
what has to be sent again goes alone, and ends its task there, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from taskq_kernel.messages import MAX_MESSAGE_BYTES, SCHEMA

#: The longest bundle, in bytes, and the most outcomes in one.
BUNDLE_BYTES = 1 << 18
BUNDLE_COUNT = 200

_HEAD, _TAIL = b'{"schema":%d,"outcomes":[' % SCHEMA, b"]}"


class _Bundle(msgspec.Struct, frozen=True):
    outcomes: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(_Bundle)


def bundled(outcomes: Sequence[bytes]) -> list[bytes]:
    """Encoded outcomes as messages, in their order; one with no company, or a long one, as it is."""
    messages: list[bytes] = []
    company: list[bytes] = []
    size = 0
    for outcome in outcomes:
        if company and (size + len(outcome) > BUNDLE_BYTES or len(company) == BUNDLE_COUNT):
            messages.append(_together(company))
            company, size = [], 0
        company.append(outcome)
        size += len(outcome)
    return [*messages, _together(company)] if company else messages


def _together(outcomes: Sequence[bytes]) -> bytes:
    return outcomes[0] if len(outcomes) == 1 else _HEAD + b",".join(outcomes) + _TAIL


def outcomes_in(body: bytes) -> list[bytes]:
    """The encoded outcomes of a message: its own body, where it is no bundle that can be read."""
    if not body.startswith(_HEAD) or len(body) > MAX_MESSAGE_BYTES:
        return [body]
    try:
        return [bytes(one) for one in _decoder.decode(body).outcomes]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [body]
