"""``python -m initgen``."""

from initgen.cli import script

script()
