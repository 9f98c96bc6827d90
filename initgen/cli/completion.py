"""``initgen completion``."""

import click


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what makes SHELL complete commands, options, schemes, dtypes and formats.

    \b
    initgen completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    from initgen.cli import cli

    complete = get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"click has no completion for {shell}")
    print(complete(cli, {}, "initgen", "_INITGEN_COMPLETE").source())
