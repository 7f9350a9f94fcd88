"""The composition root: the one place that builds, starts and stops a whole server.

`serving` is for tests and for programs that embed a server, `embedded` for those that want a task manager and
no server; `process` is what `millhand serve` runs.
"""

from millhand_server.app.composition import App, serving

__all__ = ["App", "serving"]
