"""The command, and ``python -m initgen``."""

import signal
from typing import NoReturn


def script() -> NoReturn:
    """`initgen.cli.script`; a SIGINT that comes while that is imported, a tenth of a second, ends it without a word."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else somebody wants it otherwise
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from initgen import cli

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.script()


if __name__ == "__main__":
    script()
