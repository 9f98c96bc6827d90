"""From descriptions to bytes: planned in chunks, drawn by threads, put in place in files that appear whole or not at all."""
