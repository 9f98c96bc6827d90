"""Questions about files, answered with frozen result objects: `stats` and `verify`."""
