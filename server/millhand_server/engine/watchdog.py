"""Tells attempts to stop, and keeps their time: timeouts, deadlines, and code that does not stop."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from millhand_server.core.execution import StopCause
from millhand_server.engine.attempts import LiveAttempt
from millhand_server.engine.clock import Wakeup
from millhand_server.engine.dispatcher import Dispatcher
from millhand_server.engine.observing_log import names_of
from millhand_server.engine.settler import Settler
from millhand_server.engine.shared import Shared

logger = logging.getLogger(__name__)

#: A grant that waited this long for its worker goes back to the store: the estimate was wrong.
_RECALL_AFTER_US = 200_000


class Watchdog:
    """Looks at all live attempts when the earliest of their alarms goes off.

    They are few (at most the attempts that run at once, and those claimed ahead), so looking at all of them
    is cheaper than a timer each.
    """

    def __init__(self, shared: Shared, dispatcher: Dispatcher, settler: Settler) -> None:
        self._live = shared.live
        self._dispatcher = dispatcher
        self._settler = settler
        self._clock = shared.clock
        self._stuck_after_us = shared.options.stuck_after_us
        self._wakeup = Wakeup(shared.clock)
        self._alarm_mono_us: int | None = None

    def stop(self, live: LiveAttempt, cause: StopCause) -> None:
        """Tells an attempt to stop. The first cause stands."""
        if live.cause is None:
            live.cause = cause
            live.signalled_mono_us = self._clock.monotonic_us()
        self._dispatcher.signal(live, cause)
        self.watch(live)

    def granted(self, attempts: Sequence[LiveAttempt]) -> None:
        """Says that these attempts were granted together."""
        if self._alarm_mono_us is None or any(live.task.start_by_us is not None for live in attempts):
            # Otherwise their alarms are a fixed time ahead, and so later than the earliest known one.
            self._wakeup.ring()

    def watch(self, live: LiveAttempt) -> None:
        """Says that an attempt's alarm may be earlier than all known ones."""
        alarm_us = self._alarm_of(live)
        if alarm_us is not None and (self._alarm_mono_us is None or alarm_us < self._alarm_mono_us):
            self._wakeup.ring()

    async def run(self) -> None:
        """Watches, for ever."""
        while True:
            for live in self._live:
                self._look_at(live)
            alarms = [alarm for live in self._live if (alarm := self._alarm_of(live)) is not None]
            self._alarm_mono_us = min(alarms, default=None)
            now_us = self._clock.monotonic_us()
            await self._wakeup.wait(None if not alarms else min(alarms) - now_us)

    def _look_at(self, live: LiveAttempt) -> None:
        now_us = self._clock.monotonic_us()
        if not live.started:
            self._look_at_waiting(live, now_us)
            return
        if _passed(self._deadline_of(live), now_us):
            self._settle(live, StopCause.DEADLINE)
        elif _passed(_timeout_of(live), now_us):
            self._time_out(live)
        if _passed(self._stuck_of(live), now_us):
            self._give_up(live)

    def _look_at_waiting(self, live: LiveAttempt, now_us: int) -> None:
        if live.cause is not None:
            return
        if _passed(self._to_mono(live.task.start_by_us), now_us):
            self.stop(live, StopCause.DEADLINE)
        elif now_us - live.granted_mono_us >= _RECALL_AFTER_US:
            live.granted_mono_us = now_us
            self._dispatcher.recall(live)

    def _time_out(self, live: LiveAttempt) -> None:
        # With a retry to come the task waits until the code has ended, or counts as stuck: two attempts
        # of a task should not run at once.
        if live.cause is None and self._settler.may_retry(live, StopCause.TIMEOUT):
            self.stop(live, StopCause.TIMEOUT)
        else:
            self._settle(live, StopCause.TIMEOUT)

    def _settle(self, live: LiveAttempt, cause: StopCause) -> None:
        self.stop(live, cause)
        self._settler.end_early(live, cause)

    def _give_up(self, live: LiveAttempt) -> None:
        live.mark_stuck()
        logger.warning(
            "task %s (handler %s) still runs %.0f s after it was told to stop; its worker %s is held",
            live.task.id,
            live.task.spec.handler,
            self._stuck_after_us / 1e6,
            live.worker,
            extra={"transition": "stuck", **names_of(live.task)},
        )
        if live.cause is StopCause.TIMEOUT and not live.settled:
            self._settler.end_early(live, StopCause.TIMEOUT)

    def _alarm_of(self, live: LiveAttempt) -> int | None:
        if live.started:
            return _earliest(self._deadline_of(live), _timeout_of(live), self._stuck_of(live))
        if live.cause is not None:
            return None
        return _earliest(live.granted_mono_us + _RECALL_AFTER_US, self._to_mono(live.task.start_by_us))

    def _deadline_of(self, live: LiveAttempt) -> int | None:
        return None if live.settled else self._to_mono(live.task.spec.deadline_us)

    def _stuck_of(self, live: LiveAttempt) -> int | None:
        if live.stuck or live.signalled_mono_us is None:
            return None
        return live.signalled_mono_us + self._stuck_after_us

    def _to_mono(self, wall_us: int | None) -> int | None:
        if wall_us is None:
            return None
        return self._clock.monotonic_us() + wall_us - self._clock.now_us()


def _timeout_of(live: LiveAttempt) -> int | None:
    over = live.settled or live.cause is StopCause.TIMEOUT
    if over or not live.timeout_us or live.started_mono_us is None:
        return None
    return live.started_mono_us + live.timeout_us


def _passed(alarm_us: int | None, now_us: int) -> bool:
    return alarm_us is not None and alarm_us <= now_us


def _earliest(*alarms: int | None) -> int | None:
    return min((alarm for alarm in alarms if alarm is not None), default=None)
