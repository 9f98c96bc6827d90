"""``python -m initgen``."""

from initgen.cli import main

main()
