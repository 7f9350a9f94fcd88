from __future__ import annotations

from datetime import timedelta

import pytest

from millhand import errors
from millhand.protocol.reconnect import LONGEST_DELAY_S, Reconnect


def begun(patience_s: float | None = 60, jitter: float = 1.0) -> Reconnect:
    reconnect = Reconnect(patience_s, lambda: jitter)
    reconnect.progressed()
    return reconnect


def test_a_stream_that_never_began_fails_like_any_call() -> None:
    lost = errors.Unavailable("refused")

    with pytest.raises(errors.Unavailable) as raised:
        Reconnect(None).delay_after(lost, 0)

    assert raised.value is lost


def test_delays_double_up_to_a_cap_and_start_anew_after_progress() -> None:
    reconnect = begun()

    delays = [reconnect.delay_after(errors.Unavailable(), 0) for _ in range(8)]
    reconnect.progressed()

    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == LONGEST_DELAY_S
    assert reconnect.delay_after(errors.Unavailable(), 0) == 0.1


def test_delays_are_spread_over_their_whole_length() -> None:
    assert begun(jitter=0.5).delay_after(errors.Unavailable(), 0) == 0.05
    assert begun(jitter=0.0).delay_after(errors.Unavailable(), 0) == 0.0


def test_a_server_that_names_a_delay_is_heard() -> None:
    full = errors.TooManyStreams(retry_after=timedelta(seconds=9))

    assert begun().delay_after(full, 0) == 9.0


def test_patience_counts_from_the_break_and_not_from_the_beginning() -> None:
    reconnect = begun(patience_s=10)

    reconnect.delay_after(errors.Unavailable(), 1000)
    reconnect.delay_after(errors.Unavailable(), 1009.9)

    with pytest.raises(errors.Unavailable):
        reconnect.delay_after(errors.Unavailable(), 1010)


def test_without_a_limit_patience_has_no_end() -> None:
    reconnect = begun(patience_s=None)

    reconnect.delay_after(errors.Unavailable(), 0)
    reconnect.delay_after(errors.Unavailable(), 1e9)


@pytest.mark.parametrize("kind", [errors.InvalidArgument, errors.PermissionDenied, errors.InternalError])
def test_what_would_fail_again_is_not_tried_again(kind: type[errors.MillhandError]) -> None:
    with pytest.raises(kind):
        begun().delay_after(kind(), 0)
