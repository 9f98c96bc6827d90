"""The command line. One file per command; a new one is a line in COMMANDS.

Command files import click and what is light; what is heavy they import inside the command.
"""

import contextlib
import errno
import io
import math
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

import click

from initgen import __version__
from initgen.core import reading
from initgen.core.errors import InitgenError, cut, printable, quoted

COMMANDS = {
    "sample": "initgen.cli.sample",
    "stats": "initgen.cli.stats",
    "identify": "initgen.cli.identify",
    "probe": "initgen.cli.probe",
    "verify": "initgen.cli.verify",
    "diff": "initgen.cli.diff",
    "spec": "initgen.cli.spec",
    "schemes": "initgen.cli.schemes",
    "completion": "initgen.cli.completion",
}

_EXAMPLES = """\b
  initgen sample --scheme he_uniform --shape 100x64 -o w.npy
  initgen sample --scheme he_uniform --shape 100x64 | initgen stats - --scheme he_uniform
  initgen stats w.npy --scheme he_uniform
  initgen sample model.toml -o model.safetensors
  initgen sample --like checkpoint/ --preset llama -o tiny.safetensors
  initgen verify model.safetensors
  initgen identify checkpoint.safetensors
  initgen probe --activation relu --scheme he_uniform --scheme lecun_uniform
"""


class Lazy(click.Group):
    """A group that imports a command's file when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        for option in command.params:
            if isinstance(option, click.Option):  # by its name to users, which is not always ours
                option.envvar = f"INITGEN_{cmd_name}_{option.opts[0].lstrip('-')}".upper().replace("-", "_")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            from difflib import get_close_matches

            if close := get_close_matches(args[0][:100], COMMANDS, n=1):
                raise InitgenError(f"no such command {quoted(args[0])}", f"did you mean {close[0]}?")
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    parts = ", ".join(f"{name} {version(name)}" for name in ("numpy", "h5py", "safetensors"))
    click.echo(f"initgen {__version__} ({parts})")
    ctx.exit()


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "INITGEN", "max_content_width": 100},
    help=f"Make initialized neural-network weight files, and prove what is in a file.\n\n{_EXAMPLES}",
    epilog="Exit codes: 0 done or yes, 1 the answer is no, 2 no answer (bad usage, bad input, I/O). Every option has an"
    " environment variable: INITGEN_SAMPLE_DTYPE is --dtype of sample.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show versions."
)
def cli() -> None:
    pass


class _Ended(BaseException):
    """A signal to end, as an exception: what is cleaned up after an error is cleaned up after it."""


_last = -math.inf


def _end(number: int, _: object) -> None:
    global _last
    last, _last = _last, time.monotonic()
    if _last - last > 1:  # one that comes at once after another would only disturb the cleaning up
        raise KeyboardInterrupt if number == signal.SIGINT else _Ended(number)


def clean_up_when_ended() -> None:
    """From here on signals to end unwind the program, so that what it was writing is removed.

    Only for writing: a handler of Python's waits for the C code that is running, and HDF5 may spin on a crafted file.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish is kept
            signal.signal(number, _end)


_alone = False


def fork_if_alone() -> None:
    """From here on work may be spread over processes, if this one is the command's own."""
    from initgen.engine import processes

    processes.alone = _alone


def _apart(work: Callable[..., Any], path: str, *given: Any) -> Any:
    from initgen.engine.apart import apart

    return apart(work, path, *given)


class _Closed(io.TextIOBase):
    """Standard output that the caller has closed: nothing fails until something is written."""

    @property
    def buffer(self) -> "_Closed":
        return self

    def write(self, text: object) -> int:
        raise OSError(errno.EBADF, "is closed")


def put(document: str) -> None:
    """A document to standard output, in UTF-8 and with line feeds on every system, as TOML and JSON want it."""
    sys.stdout.flush()
    sys.stdout.buffer.write(document.encode(errors="backslashreplace"))


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; every failure is one line on stderr."""
    sys.stdout = sys.stdout or _Closed()
    sys.stderr = sys.stderr or io.StringIO()  # print would take standard output in place of a closed one
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
    # On Arm processors the linear algebra of numpy's builds sets flags at random.
    warnings.filterwarnings("ignore", ".* encountered in matmul", RuntimeWarning)
    code = _run(args)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 141
    except OSError as error:
        code = fail(f"standard output: {error.strerror}")
        _drop_stdout()
    if code == 141:
        _drop_stdout()
    sys.exit(code)


def script() -> NoReturn:
    """`main` for a process of its own: out at once, without the 20 ms in which Python takes numpy apart."""
    global _alone
    _alone = True
    reading.run = _apart
    try:
        try:
            main()
        except SystemExit as end:
            with contextlib.suppress(OSError):  # Python 3.14 keeps, and tries again, what could not be written
                sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
    except (KeyboardInterrupt, _Ended) as ended:  # one that comes first of all, or while another is being answered
        os._exit(128 + int(ended.args[0] if ended.args else signal.SIGINT))


def _clear_own() -> None:
    if "initgen.engine.temporary" in sys.modules:
        from initgen.engine.temporary import clear_own

        clear_own()


def _run(args: list[str] | None) -> int:
    try:
        if "_INITGEN_COMPLETE" in os.environ:
            from initgen.cli.completion import answer

            return answer(os.environ["_INITGEN_COMPLETE"])
        # Not cli.main, which makes an exit code of its own out of a closed pipe.
        with cli.make_context("initgen", sys.argv[1:] if args is None else list(args)) as context:
            result: Any = cli.invoke(context)
        return result if isinstance(result, int) else 0
    except InitgenError as error:
        return fail(error.message, error.hint)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except click.NoSuchOption as error:
        command = error.ctx.command_path if error.ctx else "initgen"
        close = " or ".join(error.possibilities or ())
        return fail(
            f"no such option {quoted(error.option_name)}", f"did you mean {close}?" if close else f"{command} --help"
        )
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "initgen"
        message = error.format_message().rstrip(".")
        return fail(message[:1].lower() + message[1:], f"{command} --help")
    except click.ClickException as error:
        return fail(error.format_message())
    except click.exceptions.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _clear_own()
        print("interrupted", file=sys.stderr)
        return 130
    except _Ended as ended:
        _clear_own()
        return 128 + int(ended.args[0])
    except BrokenPipeError:
        return 141
    except MemoryError:
        return fail("not enough memory")
    except UnicodeEncodeError as error:  # of a path; in text that is printed there is a way around
        return fail(f"{error.object!a}: not a name of a file where the locale has {error.encoding}", "set PYTHONUTF8=1")
    except ImportError as error:  # an installation that is not whole, or no memory to load it
        why = (str(error.__cause__ or error).strip().splitlines() or [""])[0]
        return fail(f"{error.name or 'a package'} cannot be loaded: {why}", "pip install --force-reinstall initgen")
    except OSError as error:
        # Outputs name themselves (OutputError); what has no name is standard output.
        if not error.filename:
            _drop_stdout()
        return fail(f"{error.filename or 'standard output'}: {error.strerror or error}")


def fail(message: str, hint: str = "") -> int:
    """Say what went wrong on stderr; the exit code for "no answer"."""
    with contextlib.suppress(OSError):
        print(f"error: {cut(printable(' '.join(message.split())))}", file=sys.stderr)
        if hint:
            print(f"hint: {cut(printable(' '.join(hint.split())))}", file=sys.stderr)
    return 2


def _drop_stdout() -> None:
    """Keep the interpreter from flushing what nobody takes, on its way out."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
