"""The config in a ``.keras`` file, which is a zip archive. Nothing else in it is looked at, nothing is unpacked to disk."""

import os
import stat
import zipfile
import zlib

from initgen.core.errors import SpecError

_MEMBER = "config.json"
# A model of 10,000 layers has some 12 MB; Python's tables take thirty times what their text does.
_MAX_BYTES = 16 << 20


def config_text(path: str) -> bytes:
    """The config of the model.

    Raises:
        SpecError: it is not such a file, or its config is larger than any config is.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):
            raise SpecError(f"{path}: is not a regular file")
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_MEMBER).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("its config is compressed as Keras does not")
            with archive.open(_MEMBER) as member:
                raw = member.read(_MAX_BYTES + 1)  # whatever size it claims
    except KeyError:
        raise SpecError(f"{path}: has no {_MEMBER}", "a .keras file of Keras 3 has one") from None
    except IsADirectoryError:
        raise SpecError(f"{path}: is a directory", "the config.json in it is a model") from None
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file") from None
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, NotImplementedError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpecError(f"{path}: not a .keras file: {said[:120]}") from None
    if len(raw) > _MAX_BYTES:
        raise SpecError(f"{path}: its {_MEMBER} is larger than {_MAX_BYTES >> 20} MiB")
    return raw
