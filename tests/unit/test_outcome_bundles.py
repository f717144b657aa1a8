"""Several outcomes in one message, and out of it again."""

from __future__ import annotations

import pytest
from sample_messages import OUTCOME

from taskq_kernel import outcome_bundles as module
from taskq_kernel.errors import MessageError
from taskq_kernel.messages import OutcomeMessage, decode, encode
from taskq_kernel.outcome_bundles import BUNDLE_COUNT, bundled, outcomes_in


def test_what_goes_in_comes_out_in_its_order() -> None:
    bodies = [b'{"n":%d}' % n for n in range(2 * BUNDLE_COUNT + 1)]
    messages = bundled(bodies)
    assert [len(outcomes_in(one)) for one in messages] == [BUNDLE_COUNT, BUNDLE_COUNT, 1]
    assert [body for one in messages for body in outcomes_in(one)] == bodies


def test_a_bundle_is_bounded_in_bytes_and_a_longer_outcome_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUNDLE_BYTES", 20)
    bodies = [b'{"n":1}', b'{"n":2}', b'{"n":"%s"}' % (b"x" * 100), b'{"n":3}']
    assert [outcomes_in(one) for one in bundled(bodies)] == [bodies[:2], [bodies[2]], [bodies[3]]]


def test_nothing_becomes_no_message() -> None:
    assert bundled([]) == []


def test_whoever_reads_single_outcomes_only_refuses_a_bundle_and_says_so() -> None:
    [message] = bundled([encode(OUTCOME), encode(OUTCOME)])
    with pytest.raises(MessageError, match="not a OutcomeMessage"):
        decode(OutcomeMessage, message)


@pytest.mark.parametrize("body", [b"", b"not JSON", b'{"schema":1,"outcomes":[', b'{"schema":1,"outcomes":[1],"x":'])
def test_what_is_no_bundle_stays_one_message_for_whoever_says_what_is_wrong_with_it(body: bytes) -> None:
    assert outcomes_in(body) == [body]
