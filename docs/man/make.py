"""Write the manual pages in man1, from the commands themselves: ``make man``.

What a page says of a command is its own help; what no help says stands here. No dates and no versions: a page changes
only with its command.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

import click

from initgen.cli import COMMANDS, cli

HERE = Path(__file__).parent
WRITERS = ("initgen", "initgen-sample", "initgen-spec")
ENDED = [("129, 130, 143", "Ended by SIGHUP, SIGINT, SIGTERM."), ("141", "Nobody reads standard output any more.")]
ENVIRONMENT = [
    ("NO_COLOR", "If it is not empty, tables and pictures are without colours."),
    ("FORCE_COLOR", "If it is not empty, they have colours also where standard output is not a terminal."),
]
TEMPORARY = (
    "Beside an output, while it is being written: it gets its name when it is whole. A run that is killed may leave it"
    " behind; the next one that writes there removes it."
)
# An option in running text, or a command.
NAMED = re.compile(rf"(?<![\w-])--?[a-z][a-z-]*|\binitgen(?: (?:{'|'.join(COMMANDS)})\b)?(?![\w-])")


def roff(text: str) -> str:
    """Text on one line, every hyphen one that a shell takes; what is not ASCII by its number."""
    for char, escape in (
        ("\\", r"\e"),
        ("…", "..."),
        ("-", r"\-"),
        ("'", r"\(aq"),
        ("`", r"\(ga"),
        ("^", r"\(ha"),
        ("~", r"\(ti"),
    ):
        text = text.replace(char, escape)
    text = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in text)
    return f"\\&{text}" if text.startswith(".") else text


def prose(text: str) -> str:
    """Running text, every sentence on lines of its own; options and commands in bold."""
    lines = []
    for sentence in re.split(r"(?<=[a-z)\]]\.) +", " ".join(text.replace("`", "").split())):
        folded = textwrap.wrap(sentence, 72, break_long_words=False, break_on_hyphens=False)
        lines += [roff(NAMED.sub("\0\\g<0>\1", line)).replace("\0", r"\fB").replace("\1", r"\fR") for line in folded]
    return "\n".join(lines) + "\n"


def usage(text: str) -> str:
    """``-o, --output PATH``: in bold what is typed, in italics what stands for something else."""
    words = (f"\\f{'B' if word[0] == '-' else 'I'}{roff(word)}\\fR" for word in re.split(r", | / | ", text))
    parts = re.findall(r", | / | ", text)
    return "".join(word + after for word, after in zip(words, (*parts, ""), strict=True))


def entries(pairs: Iterable[tuple[str, str]]) -> str:
    """A list: terms, as roff, and what is said of each."""
    return "".join(f".TP\n{term}\n{prose(text)}" for term, text in pairs)


def sections(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """The parts of a page."""
    name = context.command_path.replace(" ", "-")
    paragraphs = cleandoc(command.help or "").split("\n\n")
    shown = [line for text in paragraphs if text[0] == "\b" for line in text.splitlines()[1:]]
    short = command.short_help or paragraphs[0]
    yield "NAME", f"{roff(name)} \\- {roff(short[0].lower() + short[1:].rstrip('.'))}\n"
    arguments = " ".join(command.collect_usage_pieces(context))
    yield "SYNOPSIS", f"\\fB{context.command_path}\\fR \\fI{roff(arguments)}\\fR\n"
    said = [text for text in paragraphs if text[0] != "\b" and not text.startswith("Exit code")]
    yield "DESCRIPTION", ".PP\n".join(map(prose, said))
    if isinstance(command, click.Group):
        commands = [(other, command.get_command(context, other)) for other in COMMANDS]
        yield "COMMANDS", entries((f"\\fBinitgen\\-{other}\\fR(1)", found.short_help) for other, found in commands)
    options = [option.get_help_record(context) for option in command.get_params(context)]
    yield "OPTIONS", entries((usage(record[0]), record[1]) for record in options if record and record[0][0] == "-")
    codes = next(text for text in (*paragraphs, cli.epilog or "") if text.startswith("Exit code"))
    numbers = re.findall(r"\b([012]):? (.*?)(?=[.,] [12]\b|\.(?: |$))", " ".join(codes.split()))
    yield "EXIT STATUS", entries([(number, f"{text[0].upper()}{text[1:]}.") for number, text in numbers] + ENDED)
    own = next((option for option in command.params if option.envvar), None)
    if own:
        of = name.upper().replace("-", "_")
        variable = (rf"\fB{of}_\fIOPTION\fR", f"Stands in for an option: {own.envvar} for {own.opts[0]}.")
    else:
        variable = (
            r"\fBINITGEN_\fICOMMAND\fB_\fIOPTION\fR",
            "Stands in for an option of a command: INITGEN_SAMPLE_DTYPE for --dtype of initgen sample.",
        )
    if own or command is cli:
        yield "ENVIRONMENT", entries([variable, *((rf"\fB{key}\fR", text) for key, text in ENVIRONMENT)])
    if name in WRITERS:
        yield "FILES", entries([(r"\fI.initgen\-*.tmp\fR", TEMPORARY)])
    yield "EXAMPLES", ".EX\n" + "".join(f"{roff(line.strip())}\n" for line in shown) + ".EE\n"
    others = [other for other in ("initgen", *(f"initgen-{other}" for other in COMMANDS)) if other != name]
    yield "SEE ALSO", ",\n".join(rf"\%\fB{roff(other)}\fR(1)" for other in others) + "\n"


def pages() -> dict[str, str]:
    """Every page, by the name of its file."""
    top = click.Context(cli, info_name="initgen", terminal_width=10_000, **cli.context_settings)
    commands = [(command, top) for name in COMMANDS if (command := cli.get_command(top, name))]
    contexts = [top, *(click.Context(command, info_name=command.name, parent=top) for command, top in commands)]
    made = {}
    for context in contexts:
        name = context.command_path.replace(" ", "-")
        text = "".join(f".SH {title}\n{body}" for title, body in sections(context.command, context))
        made[f"{name}.1"] = f'.\\" Written by make man.\n.TH {name.upper()} 1 "" initgen initgen\n.nh\n.ad l\n{text}'
    return made


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / "man1" / name).write_text(text)
