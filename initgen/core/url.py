"""Which paths are URLs."""

import re

# A scheme of one letter would be a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(path: str) -> bool:
    """Whether a path is of a place like ``s3://bucket/prefix/``, and not of this machine's files."""
    return _URL.match(path) is not None
