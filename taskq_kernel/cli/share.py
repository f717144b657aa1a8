"""``taskq share``: links by which others see a task or a batch."""

from __future__ import annotations

import click

from taskq_kernel.cli import DONE, output
from taskq_kernel.cli.options import TaskCommand, as_json_option, examples
from taskq_kernel.cli.times import local_time
from taskq_kernel.client import batch_operations, sharing
from taskq_kernel.client.connection import existing
from taskq_kernel.client.sharing import Share
from taskq_kernel.transport.graphql import GraphQLTransport


class _WithoutVerb(click.Group):
    """A group in which what is no command is an ID: ``taskq share 102`` makes a link to that task."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and not set(args) & set(ctx.help_option_names):
            args = ["create", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_WithoutVerb, subcommand_metavar="ID [--days N] | list | revoke",
    epilog=examples("taskq share 102", "taskq share gaps --days 7", "taskq share list"),
)
def share() -> None:
    """Make, list and revoke links by which others see a result, in any browser and without an account.

    Whoever has the address of a link sees what it was made for, and nothing else.
    """


@share.command(
    cls=TaskCommand, epilog=examples("taskq share 102", "taskq share gaps --days 7", "taskq share 102 --days 0"),
)
@click.argument("shown", metavar="ID")
@click.option(
    "--days", type=click.FloatRange(0, sharing.MAX_DAYS), default=sharing.DAYS, show_default=True,
    help="For how many days the link is good; 0: until it is revoked.",
)
@as_json_option
def create(shown: str, days: float, as_json: bool) -> int:
    """Make a link to the task with this ID, or to a batch by its name or UUID, and write its address.

    This is the only time that it is shown: the service keeps its hash alone.
    """
    transport = _transport()
    made = sharing.create_share(transport, _target(transport, shown), days or None)
    if as_json:
        output.json_document(sharing.as_row(made))
    else:
        output.line(str(made))
    output.note(f"taskq: whoever has this address sees {made.target}, {made.until}: taskq share revoke {made.id}")
    if made.note:
        output.note(f"taskq: {made.note}")
    return DONE


@share.command("list", epilog=examples("taskq share list", "taskq share list 102 --json"))
@click.argument("shown", metavar="[ID]", required=False)
@as_json_option
def list_(shown: str | None, as_json: bool) -> int:
    """List the links to your tasks and batches, or to the one with this ID; an administrator's are all."""
    transport = _transport()
    found = sharing.list_shares(transport, None if shown is None else _target(transport, shown))
    if as_json:
        output.json_document([sharing.as_row(one) for one in found])
        return DONE
    output.columns([("id", "shows", "name", "made by", "state", "made"), *map(_cells, found)])
    return DONE


@share.command(epilog=examples("taskq share revoke 0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"))
@click.argument("share_id", metavar="ID")
def revoke(share_id: str) -> int:
    """Make the link with this ID lead nowhere, at once. `taskq share list` has the IDs."""
    gone = sharing.revoke_share(_transport(), share_id)
    output.line(f"revoked: {gone.id}, to {gone.target}")
    return DONE


def _cells(one: Share) -> tuple[str, ...]:
    state = f"good {one.until}" if one.state == "good" else one.state
    made = local_time(one.created_at.isoformat(), seconds=False)
    return one.id, one.target, one.name or "", one.created_by, state, made


def _target(transport: GraphQLTransport, shown: str) -> str:
    """A task's number, or a UUID; what is neither is the name of a batch."""
    return shown if shown.isascii() and shown.isdigit() else batch_operations.id_of(transport, shown)


def _transport() -> GraphQLTransport:
    return existing().transport()
