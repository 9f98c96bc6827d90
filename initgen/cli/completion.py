"""``initgen completion``, and the answers to what its scripts ask."""

from pathlib import Path

import click

# Installed under share/, too, each where its shell looks.
_SCRIPTS = {"bash": "initgen.bash", "zsh": "_initgen", "fish": "initgen.fish"}


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(list(_SCRIPTS)))
def command(shell: str) -> None:
    """Print what makes SHELL complete commands, options, schemes, dtypes, formats and files.

    \b
    echo 'eval "$(initgen completion bash)"' >> ~/.bashrc
    echo 'eval "$(initgen completion zsh)"' >> ~/.zshrc
    initgen completion fish > ~/.config/fish/completions/initgen.fish

    For zsh it has to stand after compinit.
    """
    print((Path(__file__).parent / "shells" / _SCRIPTS[shell]).read_text(encoding="utf-8"), end="")


def answer(line: str) -> int:
    """Print what may stand at the end of a command line that is being typed.

    A line for each: ``word``, the word and what it is, with tabs between; or ``file``, where files may stand.
    """
    from click.shell_completion import ShellComplete, split_arg_string

    from initgen.cli import cli

    # With one more letter the last word is there also where it is empty, or begins with a quote.
    words = split_arg_string(f"{line}x")
    before, typed = words[1:-1], words[-1][:-1]
    option = ""
    if typed.startswith("--") and "=" in typed:
        name, _, typed = typed.partition("=")
        before, option = [*before, name], f"{name}="
    for item in ShellComplete(cli, {}, "initgen", "").get_completions(before, typed):
        about = " ".join((item.help or "").split())
        print("file" if item.type == "file" else f"word\t{option}{item.value}\t{about}".rstrip())
    return 0
