"""``taskq completion``: commands and options at a press of the tab key."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from taskq_kernel.cli import DONE, cli, output
from taskq_kernel.cli.options import examples

#: How each shell is to read it at its start, for good.
_SHELLS = {
    "bash": "echo 'eval \"$(taskq completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(taskq completion zsh)\"' >> ~/.zshrc",
    "fish": "taskq completion fish > ~/.config/fish/completions/taskq.fish",
}


@click.command(
    epilog=examples("taskq completion bash", *_SHELLS.values()),
)
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> int:
    """Write what makes SHELL complete the commands and options of taskq.

    It asks taskq itself, so it stays right when taskq is upgraded. The examples set it up for
    good, one for each shell.
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"click does not know {shell}")
    # Its `source` would run the shell to see whether it is new enough; the shell may be on another machine.
    asked = made(cli, {}, "taskq", "_TASKQ_COMPLETE")
    output.write(asked.source_template % asked.source_vars())
    return DONE
