"""The command, and ``python -m initgen``."""

import os
import signal
from typing import NoReturn


def script() -> NoReturn:
    """`initgen.cli.script`; a SIGINT that comes while that is imported, a tenth of a second, ends it without a word."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else somebody wants it otherwise
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from initgen import cli

    try:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        cli.script()
    except KeyboardInterrupt:  # in between
        os._exit(130)


if __name__ == "__main__":
    script()
