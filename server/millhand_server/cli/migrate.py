"""`millhand migrate`: brings a database up to date before a server starts on it, or tells what is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from millhand_server.cli.printing import print_json

if TYPE_CHECKING:
    from millhand_server.store.sqlite import Plan


@click.command
@click.option("--store", metavar="URL", help="The database, as for `millhand serve`.")
@click.option("--config", metavar="FILE", help="The server's TOML file.")
@click.option("--check", is_flag=True, help="Change nothing; exit status 1 if there is something to do.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs: one JSON object.",
)
def migrate(store: str | None, config: str | None, check: bool, output: str) -> None:
    """Bring the schema of a database up to date.

    A server does this by itself when it starts. This is for those who want it done, or looked at, before.
    """
    try:
        from millhand_server.app import migrating
        from millhand_server.config.loading import ConfigError, load
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("millhand"):
            raise
        raise click.ClickException(
            f"this needs more packages ({missing.name}): pip install 'millhand[server]'"
        ) from None
    try:
        choice = load({"store": store}, config=config).store.choice
        plan = migrating.check(choice) if check else migrating.migrate(choice)
    except ConfigError as refusal:
        raise click.ClickException("\n".join(refusal.problems)) from None
    except migrating.CannotMigrate as refusal:
        raise click.ClickException(str(refusal)) from None
    _print(plan, str(choice.path), check=check, as_json=output == "json")
    if check and plan.pending:
        raise SystemExit(1)


def _print(plan: Plan, path: str, *, check: bool, as_json: bool) -> None:
    steps = [f"{step.version:04} {step.name}" for step in plan.pending]
    if as_json:
        print_json({"path": path, "version": plan.version, "pending" if check else "applied": steps})
    elif not steps:
        click.echo(f"{path} has schema {plan.version}: nothing to do")
    else:
        verb = "lacks" if check else "got"
        click.echo(f"{path}, at schema {plan.version}, {verb} {', '.join(steps)}")
