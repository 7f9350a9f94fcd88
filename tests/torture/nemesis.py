"""What goes wrong, by a seed: the server is killed, stopped and restarted, its disk fails, clients die.

Two threads, one against the server and one against its clients; each act is printed and written down.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence

from tests.torture.disk import Disk
from tests.torture.histories import Act, History
from tests.torture.processes import Role
from tests.torture.server import ServerKeeper

#: How long the server lives before something happens to it, in seconds.
_LIFE_S = (0.3, 6.0)
#: The same of the clients.
_CALM_S = (0.5, 4.0)
_PAUSED_S = (0.2, 2.0)
_DISK_S = (0.5, 3.0)

#: The share of kills that are followed by another one while the server starts, and how soon.
_EARLY = 0.1
_EARLY_S = (0.05, 0.6)

#: How often a server is killed while its disk is full, so that another one has to start there.
_KILLED_WHEN_FULL = 0.5

_PATIENCE_S = 30.0

#: How often each happens to the server, among those that are chosen.
SERVER_ACTS = {"kill": 75, "term": 8, "stop": 8, "full": 5, "readonly": 2, "second": 2}
CLIENT_ACTS = {"readers": 2, "writers": 1}


class Nemesis:
    """Acts until it is stopped or has killed the server `kills` times."""

    def __init__(
        self,
        server: ServerKeeper,
        disk: Disk,
        clients: dict[str, Sequence[Role]],
        acts: Sequence[str],
        kills: int,
        seed: int,
        history: History,
        say: Callable[[str], None],
    ) -> None:
        self.kills = 0
        self.over = threading.Event()
        self._server = server
        self._disk = disk
        self._clients = clients
        self._kills_wanted = kills
        self._history = history
        self._say = say
        self._against_server = random.Random(f"{seed} server")
        self._against_clients = random.Random(f"{seed} clients")
        self._server_acts = {act: share for act, share in SERVER_ACTS.items() if act in acts}
        self._client_acts = {act: share for act, share in CLIENT_ACTS.items() if act in acts}
        self._failure: Exception | None = None
        self._threads = [
            threading.Thread(target=self._torment, args=(whom,), daemon=True)
            for whom in (self._torment_server, self._torment_clients)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends it after the act that is under way, which leaves everything running and writable.

        Raises:
            Exception: whatever kept it from acting.
        """
        self.over.set()
        for thread in self._threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _torment(self, whom: Callable[[], None]) -> None:
        try:
            whom()
        except Exception as failure:
            self._failure = failure
            self.over.set()

    def _torment_server(self) -> None:
        chance = self._against_server
        # Each once at first, so that also a short run has seen them all.
        ahead = chance.sample([*self._server_acts], len(self._server_acts))
        while self._server_acts and not self.over.is_set():
            act = ahead.pop() if ahead else _drawn(chance, self._server_acts)
            getattr(self, f"_{act}")(chance)
            if self.kills >= self._kills_wanted:
                self.over.set()

    def _torment_clients(self) -> None:
        chance = self._against_clients
        while self._client_acts and not self.over.wait(chance.uniform(*_CALM_S)):
            act = _drawn(chance, self._client_acts)
            client = chance.choice(self._clients[act])
            self._did("kill client", client.name)
            client.kill_and_replace()

    def _kill(self, chance: random.Random) -> None:
        if self._let_live(chance):
            life = self._server.lives
            self._kill_once()
            if chance.random() < _EARLY:
                self._kill_early(chance, life)

    def _kill_early(self, chance: random.Random, life: int) -> None:
        """Kills the life after that one, too, while it starts."""
        while self._server.lives == life:
            time.sleep(0.005)
        time.sleep(chance.uniform(*_EARLY_S))
        self._kill_once("as it starts")

    def _kill_once(self, detail: str = "") -> None:
        self._did("kill", detail)
        self._server.end_by(signal.SIGKILL, _PATIENCE_S)
        self.kills += 1

    def _term(self, chance: random.Random) -> None:
        if self._let_live(chance):
            self._did("term")
            self._server.end_by(signal.SIGTERM, _PATIENCE_S)

    def _stop(self, chance: random.Random) -> None:
        if self._let_live(chance):
            self._did("stop")
            self._server.send(signal.SIGSTOP)
            time.sleep(chance.uniform(*_PAUSED_S))
            self._did("continue")
            self._server.send(signal.SIGCONT)

    def _full(self, chance: random.Random) -> None:
        if self._let_live(chance):
            self._did("full")
            self._disk.fill()
            time.sleep(chance.uniform(*_DISK_S))
            if chance.random() < _KILLED_WHEN_FULL:
                self._kill_once("with its disk full")
                time.sleep(chance.uniform(*_DISK_S))
            self._did("room")
            self._disk.free()

    def _readonly(self, chance: random.Random) -> None:
        """A file system turns read-only only when nobody writes: the server meets it as it starts."""
        if self._let_live(chance):
            self._server.hold()
            self._kill_once("to make its file read-only")
            self._disk.forbid_writing()
            self._did("readonly")
            self._server.release()
            time.sleep(chance.uniform(*_DISK_S))
            self._did("writable")
            self._disk.allow_writing()

    def _second(self, chance: random.Random) -> None:
        if self._let_live(chance):
            is_refused = self._server.start_second(chance.uniform(*_PAUSED_S))
            self._did("second", "refused" if is_refused else "served")

    def _let_live(self, chance: random.Random) -> bool:
        """Waits until the server serves, and for as long as it is to live then; False if all is over."""
        life_s = chance.uniform(*_LIFE_S)
        if not self._server.wait_ready(_PATIENCE_S):
            self._did("gave up", f"the server does not serve within {_PATIENCE_S:.0f} s")
            self.over.set()
        return not self.over.wait(life_s)

    def _did(self, name: str, detail: str = "") -> None:
        self._history.write(Act(name=name, detail=detail, pid=self._server.pid))
        self._say(f"{name} {detail}".rstrip())


def _drawn(chance: random.Random, acts: dict[str, int]) -> str:
    [act] = chance.choices([*acts], [*acts.values()])
    return act
