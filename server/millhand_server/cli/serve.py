"""`millhand serve`: its flags come from the table of settings, its work is `app`'s."""

from __future__ import annotations

import os
from typing import Any

import click

from millhand_server.config.settings import SETTINGS, Setting


def _with_settings(command: click.Command) -> click.Command:
    command.params[:0] = [_option(setting) for setting in SETTINGS.values()]
    return command


def _option(setting: Setting) -> click.Option:
    # Text throughout: the table reads it, so that a flag, a variable and a key in TOML are read alike.
    return click.Option(
        [setting.flag, setting.name],
        type=bool if setting.switch else str,
        is_flag=setting.switch,
        default=None,
        multiple=setting.repeated,
        metavar=setting.metavar or None,
        help=setting.help + (" (not supported yet)" if setting.awaited else ""),
    )


@_with_settings
@click.command
@click.option("--config", metavar="FILE", help="TOML; a key for each flag, with underscores.")
@click.option("--check", is_flag=True, help="Check the settings and load the handlers, and start nothing.")
def serve(config: str | None, check: bool, **flags: Any) -> None:
    """Start a server.

    A flag goes before its variable (--max-workers: MILLHAND_MAX_WORKERS), that before the file. The first
    line on standard output is the address; the log goes to standard error. SIGTERM and SIGINT let running
    tasks finish within --grace, a second one stops at once. Exit status 1 if tasks were dropped; they are
    named.
    """
    # gRPC's C core would tell standard error in its own form what we say in a sentence (the port is taken),
    # and every failed handshake of whoever knocks.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from millhand_server.app import process
        from millhand_server.config.loading import ConfigError, load
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("millhand"):
            raise
        raise click.ClickException(
            f"a server needs more packages ({missing.name}): pip install 'millhand[server]'"
        ) from None
    try:
        options = load(flags, config=config)
        if check:
            process.check(options)
            click.echo("the settings and the handlers are good")
        else:
            process.run(options)
    except ConfigError as refusal:
        raise SystemExit(_say("\n".join(refusal.problems))) from None
    except process.StartError as refusal:
        raise SystemExit(_say(str(refusal))) from None


def _say(sentence: str) -> int:
    click.echo(sentence, err=True)
    return 1
