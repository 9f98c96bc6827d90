"""How far a long piece of work has come."""


class Progress:
    """Told of each file when it is begun and when it is done, and of bytes as they are done; says nothing itself."""

    def begin(self, path: str, nbytes: int) -> None:
        """A file is begun that will have this many bytes of data."""

    def __call__(self, nbytes: int) -> None:
        """So many bytes were done since the last call."""

    def end(self, path: str) -> None:
        """The file is done."""


SILENT = Progress()
