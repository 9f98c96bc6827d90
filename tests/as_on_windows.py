"""Runs initgen on Linux as Windows would have it; test_platforms.py starts it in an interpreter of its own.

What Windows lacks is taken from os, signal and fcntl before initgen is imported, and files behave as they do there: no
directory is opened, nothing that is open is removed or renamed, and no file is renamed over another but by os.replace.
"""

import functools
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sys
from pathlib import Path

# What is not ours looks at the system when it is imported.
import click  # noqa: F401
import h5py  # noqa: F401
import ml_dtypes  # noqa: F401
import msgspec  # noqa: F401
import numpy as np
import rich.console
import rich.table  # noqa: F401
import ruamel.yaml  # noqa: F401
import safetensors  # noqa: F401

LACKING = {
    os: "fchmod fchown fork forkpty fstatvfs get_blocking getuid geteuid lchown lockf mkfifo pread preadv posix_fadvise"
    " posix_fallocate posix_spawn pwrite pwritev sched_getaffinity sendfile set_blocking statvfs sysconf uname"
    " O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK",
    signal: "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2 SIGXFSZ pthread_sigmask setitimer sigwait",
}


def become_windows():
    for module, names in LACKING.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    for name in ("fcntl", "grp", "posix", "pty", "pwd", "resource", "termios"):
        sys.modules[name] = None
    os.name = "nt"
    for name in ("pathlib", "pathlib._local"):  # by the name of the system it chooses the class of paths
        vars(sys.modules.get(name, pathlib))["WindowsPath"] = pathlib.PosixPath
    shutil._use_fd_functions = False
    shutil._rmtree_impl = getattr(shutil, "_rmtree_unsafe", None)  # Python 3.14 chooses it beforehand
    shutil.disk_usage = lambda path: shutil._ntuple_diskusage(1 << 40, 0, 1 << 40)
    os.open = _opening(os.open)
    for name in ("unlink", "remove", "replace", "rename", "rmdir"):
        setattr(os, name, _moving(getattr(os, name), over=name == "replace"))


def _opening(real):
    @functools.wraps(real)
    def opened(path, *args, **options):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *args, **options)

    return opened


def _moving(real, over):
    @functools.wraps(real)
    def moved(path, *to, **options):
        for place in (path, *to):
            if found := [used for used in _in_use() if f"{used}/".startswith(f"{os.path.realpath(place)}/")]:
                raise PermissionError(13, f"The process cannot access the file {found[0]}: it is in use", path)
        if to and not over and os.path.lexists(to[0]):
            raise FileExistsError(17, "Cannot create a file when that file already exists", path)
        return real(path, *to, **options)

    return moved


def _in_use():
    """Files that this process has open or mapped."""
    for number in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue
    with open("/proc/self/maps") as maps:
        yield from {line.split(maxsplit=5)[5].strip() for line in maps if line.count("/")}


def main(commands):
    """Run commands in the current directory; their codes, what is then there, and the digest of every file."""
    become_windows()
    import initgen.cli
    import initgen.engine.write as write

    put, codes = write.put, []

    def interrupted(*args):
        put(*args)
        raise KeyboardInterrupt

    for command in commands:
        write.put = interrupted if command[0] == "Ctrl-C" else put
        try:
            initgen.cli.main(command[command[0] == "Ctrl-C" :])
        except SystemExit as end:
            codes.append(end.code)
    files = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in Path().rglob("*") if path.is_file()}
    print(json.dumps({"codes": codes, "files": files, "directories": sorted(map(str, Path().rglob("*/")))}))


if __name__ == "__main__":
    assert np
    main(json.loads(sys.argv[1]))
