"""Cases 24 to 27, 30, 31 and 63: what outputs are called, what is there already, and the modes of files."""

import os
import stat
import subprocess
import sys

import pytest

RIGHT = ("sample", "--scheme", "he_uniform", "--shape", "100x64")
OTHER = (*RIGHT, "--seed", "1")


@pytest.fixture
def devices():
    """Devices are what they were."""
    paths = [path for path in ("/dev/stdout", "/dev/null", "/dev/full") if os.path.exists(path)]
    before = [(os.lstat(path).st_mode, os.lstat(path).st_ino) for path in paths]
    yield
    assert [(os.lstat(path).st_mode, os.lstat(path).st_ino) for path in paths] == before
    assert not [name for name in os.listdir("/dev") if name.startswith((".initgen-", "stdout.", "null."))]


@pytest.mark.parametrize("form", ["npy", "npz", "safetensors", "hdf5"])
@pytest.mark.parametrize("path", ["/dev/null", "/dev/full", "/dev/zero", "/dev/tty"])
def test_case_24_a_device_is_refused_and_stays(path, form, refused, devices):
    if not os.path.exists(path):
        pytest.skip(f"there is no {path}")
    refused(*RIGHT, "--format", form, "-o", path, "--force", named=f"{path}: is not a regular file")


@pytest.mark.parametrize(
    "path", ["/dev/stdout", *(pytest.param(path, marks=pytest.mark.slow) for path in ("/dev/fd/1", "/proc/self/fd/1"))]
)
def test_case_24_standard_output_that_is_a_pipe_has_no_name(path, shell, says, devices):
    """-o - is the way there."""
    done = shell(f"$I sample -s zeros --shape 0 --format npy -o {path} --force | cat; ls -A")
    assert done.stdout == b""
    says(done.stderr.decode(), f"{path}: is not a regular file")


def test_case_24_a_file_that_was_removed_has_no_name(tmp_path, refused, devices):
    with open(tmp_path / "gone.npy", "w+b") as file:
        path = f"/proc/self/fd/{file.fileno()}"
        if not os.path.exists(path):
            pytest.skip("there is no /proc")
        os.unlink(file.name)
        refused(*RIGHT, "--format", "npy", "-o", path, "--force", named=f"{path}: is not a regular file")


def test_case_24_standard_output_that_is_a_file_is_that_file(shell, devices):
    """/dev/stdout is then a link to a regular file, and the shell has emptied it: it holds something else."""
    done = shell(f"$I {' '.join(RIGHT)} --format npy -o /dev/stdout > w.npy; echo $?; ls -A; wc -c < w.npy")
    assert done.stdout == b"2\nw.npy\n0\n"
    assert done.stderr.startswith(b"error: /dev/stdout: exists and holds something else")


def test_case_24_a_fifo_is_refused_and_stays(run, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("w.npy")
    refused(*RIGHT, "-o", "w.npy", "--force", named="w.npy: is not a regular file")
    refused(*RIGHT, "-o", "w.npy", named="w.npy: is not a regular file")
    refused(*RIGHT, "--format", "npy", "-o", "w.npy/", named="w.npy/: is not a directory")
    assert stat.S_ISFIFO(os.lstat("w.npy").st_mode)


def test_case_24_a_socket_is_refused_and_stays(refused, tmp_path, monkeypatch):
    import socket

    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("w.npy")
        refused(*RIGHT, "-o", "w.npy", "--force", named="w.npy: is not a regular file")


@pytest.mark.parametrize("form", ["npy", pytest.param("safetensors", marks=pytest.mark.slow)])
def test_case_25_binary_does_not_go_to_a_terminal(form, tmp_path):
    pty = pytest.importorskip("pty", reason="no terminals to be had")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "initgen", *RIGHT, "--format", form, "-o", "-"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    ) as process:
        said = process.communicate(timeout=30)[1]
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 2
    assert said.startswith(b"error: binary data does not go to a terminal")


SUFFIXES = {"none": "w", "a backup": "x.npy.bak", "a dot": "w.", "another": "w.bin"}


@pytest.mark.parametrize("case", SUFFIXES)
def test_case_26_without_a_known_suffix_there_is_no_format(case, refused):
    refused(*RIGHT, output=SUFFIXES[case], named=f"{SUFFIXES[case]}: no format has this suffix")


@pytest.mark.parametrize("name", ["w", "x.npy.bak", "X.NPY", "w.H5", "w.Weights.H5", ".npy", ".npy.npy"])
def test_case_26_the_file_is_called_as_it_was_asked(name, tmp_path, made):
    """Never with a suffix more."""
    form = () if "." in name[1:] and not name.endswith("bak") else ("--format", "npy")
    made(*RIGHT, *form, "-o", name)
    assert os.listdir(tmp_path) == [name]
    made("stats", name, *form)


def test_case_26_a_format_overrules_the_suffix(tmp_path, made):
    made(*RIGHT, "--format", "npy", "-o", "w.h5")
    assert (tmp_path / "w.h5").read_bytes().startswith(b"\x93NUMPY")


OUTSIDE = {
    "up": "../../etc/x",
    "one up": "../x",
    "up from inside": "a/../../x",
    "absolute": "/etc/x",
    "backslash": "a\\b",
    "drive": "C:\\x",
    "hidden": ".x",
    "a hidden directory": ".git/x",
    "dot": ".",
    "empty": "",
    "NUL": "a\0b",
    "300 characters": "x" * 300,
    "300 bytes": "é" * 150,
    "a directory of 300": "x" * 300 + "/y",
    "1000 deep": "x/" * 1000 + "y",
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_case_27_a_tensor_has_no_file_outside_of_the_directory(case, refused):
    refused(*RIGHT, "--format", "npy", "--name", OUTSIDE[case], "-o", "arrays/", named="name = ")


@pytest.mark.parametrize("name", ["a/b", "a.b/c.d", "CON", "aux.h", "..a", "a..", "x" * 250])
def test_case_27_a_name_that_stays_inside_is_a_path(name, tmp_path, made, refused):
    """CON is a device on Windows only, and there not below a directory any more."""
    if name.startswith("."):
        refused(*RIGHT, "--format", "npy", "--name", name, "-o", "arrays/", named="hidden")
        return
    made(*RIGHT, "--format", "npy", "--name", name, "-o", "arrays/")
    assert (tmp_path / "arrays" / f"{name}.npy").is_file()


def test_case_27_a_file_name_that_is_too_long_is_refused_before_anything_is_drawn(refused):
    for output in ("x" * 300 + ".npy", "x/" * 3000 + "w.npy"):
        refused(*RIGHT[:3], "--shape", "100000x100000", "-o", output, named=output[:200]) if len(output) < 310 else None


def test_case_27_an_index_names_no_file_elsewhere(put, refused):
    import json

    for file in ("../x.safetensors", "/etc/passwd", "a/b.safetensors", "..", "a\\b", ""):
        put("set/model.safetensors.index.json", json.dumps({"weight_map": {"w": file}}))
        refused("stats", "set/", named="is not the plain name of a file beside it")


@pytest.mark.parametrize("output", ["w.npy", "w.npz", "w.safetensors", "w.h5"])
def test_case_30_what_is_there_is_not_replaced_without_force(output, made, refused, snapshot):
    made(*OTHER, "-o", output)
    refused(*RIGHT, "-o", output, named=f"{output}: exists and holds something else")
    before = snapshot()
    made(*OTHER, "-o", output)
    assert snapshot() == before


def test_case_30_of_two_at_once_one_wins(tmp_path, shell):
    """The faults' own tests have many more rounds."""
    one, other = (f"$I {' '.join(each)} -o w.npy" for each in (RIGHT, OTHER))
    done = shell(f"{one} 2> a & {other} 2> b; wait; cat a b")
    text = done.stdout.decode()
    assert text.count("wrote w.npy") == 1, text
    assert text.count("error: w.npy: ") == 1, text
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "w.npy"]


def test_case_31_of_two_with_force_the_last_wins_and_never_a_mixture(made, shell):
    one, other = (f"$I {' '.join(each)} -o w.safetensors --force" for each in (RIGHT, OTHER))
    assert shell(f"{one} & {other}; wait; ls -A").stdout == b"w.safetensors\n"
    made("verify", "w.safetensors")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
@pytest.mark.parametrize("output", ["w.npy", "w.npz", "w.safetensors", "w.h5", "set/"])
def test_case_63_a_new_file_has_the_mode_of_the_umask(mask, mode, output, tmp_path, made):
    before = os.umask(mask)
    try:
        made(*RIGHT, "-o", output)
    finally:
        os.umask(before)
    path = tmp_path / ("set/model.safetensors" if output == "set/" else output)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o444])
@pytest.mark.parametrize("output", ["w.npy", "w.npz", "w.safetensors", "w.h5", "set/"])
def test_case_63_a_file_that_is_replaced_keeps_its_mode(mode, output, tmp_path, made):
    made(*OTHER, "-o", output)
    path = tmp_path / ("set/model.safetensors" if output == "set/" else output)
    path.chmod(mode)
    before = path.read_bytes()
    made(*RIGHT, "-o", output, "--force")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() != before
