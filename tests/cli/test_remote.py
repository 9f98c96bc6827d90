"""sample -o URL: the answers and exit codes of a local output, and one line when the other side refuses."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import fsspec
import pytest

SAMPLE = ("sample", "-s", "he_uniform", "--shape", "30x40")


@pytest.fixture(params=["s3", "memory"])
def url(request, tmp_path):
    return request.getfixturevalue("bucket").url if request.param == "s3" else f"memory://{tmp_path}"


def read(url):
    with fsspec.open(url, "rb") as file:
        return file.read()


def test_a_url_is_an_output_like_any_other(url, run):
    there = f"{url}/dir/w.safetensors"
    assert run(*SAMPLE, "-o", there, "--check").err == f"{there}: there is no such file\n"
    assert run(*SAMPLE, "-o", there).err.startswith(f"wrote {there}: weight 30x40 float32 he_uniform")
    assert run(*SAMPLE, "-o", "w.safetensors").code == 0
    with open("w.safetensors", "rb") as local:
        assert read(there) == local.read()
    assert run(*SAMPLE, "-o", there).err.startswith(f"unchanged {there}: ")
    assert run(*SAMPLE, "-o", there, "--check").code == 0
    assert run(*SAMPLE, "--seed", 1, "-o", there, "--check").code == 1
    refused = run(*SAMPLE, "--seed", 1, "-o", there)
    assert (refused.code, refused.err) == (
        2,
        f"error: {there}: exists and holds something else\nhint: --force replaces it\n",
    )
    assert run(*SAMPLE, "--seed", 1, "-o", there, "--force", "--no-fsync").code == 0
    assert run(*SAMPLE, "--seed", 1, "-o", there, "--check").code == 0


def test_a_digest_is_of_what_is_there(url, run):
    there = f"{url}/w.npy"
    digest = run(*SAMPLE, "-o", there, "--digest").text.splitlines()[-1]
    assert digest == f"{hashlib.sha256(read(there)).hexdigest()}  {there}"


def test_json_names_the_objects(run, tmp_path):
    top = f"memory://{tmp_path}/m/"
    made = run(*SAMPLE, "-o", top, "--json")
    assert json.loads(made.text)["files"] == [f"{top}model.safetensors"]
    progress = run(*SAMPLE, "-o", top, "--force", "--json-progress", "--quiet")
    lines = [json.loads(line) for line in progress.err.splitlines()]
    assert [line["path"] for line in lines if line["event"] in ("begin", "end")] == 2 * [f"{top}model.safetensors"]
    assert lines[-1]["bytes"] == lines[-1]["total_bytes"] == 4800


def test_a_dry_run_asks_nobody(run, monkeypatch):
    monkeypatch.setattr("initgen.engine.remote.Remote", None)
    told = run(*SAMPLE, "-o", "s3://bucket/m/", "--dry-run")
    assert (told.code, "s3://bucket/m/model.safetensors" in told.text) == (0, True)


def test_a_url_without_suffix_may_be_a_directory(run):
    refused = run(*SAMPLE, "-o", "s3://bucket/m")
    assert (refused.code, "s3://bucket/m/ would be a directory" in refused.err) == (2, True)


@pytest.mark.parametrize("command", ["stats", "verify", "identify"])
def test_what_reads_says_that_it_reads_files_of_this_machine(command, run):
    refused = run(command, "s3://bucket/w.npy")
    assert refused.code == 2
    assert refused.err.startswith("error: s3://bucket/w.npy: only files of this machine are read\n")


def one_line(refused):
    return refused.code == 2 and refused.err.startswith("error: ") and refused.err.count("\n") <= 2


def test_no_bucket_no_access_and_no_credentials_are_one_line(bucket, run, monkeypatch):
    policy = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket.name}/*"}
    bucket.client.put_bucket_policy(
        Bucket=bucket.name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    )
    denied = run(*SAMPLE, "-o", f"{bucket.url}/w.npy")
    assert one_line(denied)
    assert f"{bucket.url}/w.npy: access denied" in denied.err
    nowhere = run(*SAMPLE, "-o", "s3://no-such-bucket/w.npy")
    assert one_line(nowhere)
    assert "s3://no-such-bucket/w.npy: there is no such bucket" in nowhere.err


def test_what_is_not_installed_is_said_with_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    refused = run(*SAMPLE, "-o", "s3://bucket/w.npy")
    assert refused.err == ("error: s3://bucket/w.npy: needs the package fsspec\nhint: pip install 'initgen[remote]'\n")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    refused = run(*SAMPLE, "-o", "gs://bucket/w.npy")
    assert refused.err.endswith("gs:// needs a package that is not there\nhint: pip install 'initgen[remote]'\n")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_signal_aborts_the_upload(number, code, bucket):
    command = [sys.executable, "-m", "initgen", "sample", "-s", "zeros", "--shape", "500000000", "--json-progress"]
    process = subprocess.Popen(
        [*command, "-o", f"{bucket.url}/w.npy"],
        stderr=subprocess.PIPE,
        env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job starts with it ignored
    )
    try:
        until = time.monotonic() + 60
        while not bucket.uploads() and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(timeout=60) == code
    finally:
        process.kill()
        said = process.communicate()[1].decode()
    assert "Traceback" not in said
    assert json.loads([line for line in said.splitlines() if line.startswith("{")][-1])["event"] == "failed"
    assert (bucket.names(), bucket.uploads()) == ([], [])


SHARDS = ("sample", "--max-shard-size", "2kB")
INDEX = "model.safetensors.index.json"


def test_parts_are_made_and_finished_at_a_store(bucket, run, tmp_path):
    (tmp_path / "m.toml").write_text(
        "".join(f'[tensors.{name}]\nshape = [20, 30]\nscheme = "he_uniform"\n' for name in "abc")
    )
    url = f"{bucket.url}/m/"
    for part in ("1/2", "2/2"):
        assert run(*SHARDS, "m.toml", "-o", url, "--shard", part).code == 0
    assert f"m/{INDEX}" not in bucket.names()
    bucket.client.delete_object(Bucket=bucket.name, Key="m/model-00002-of-00003.safetensors")
    assert run(*SHARDS, "m.toml", "-o", url, "--finish").code == 2
    assert run(*SHARDS, "m.toml", "-o", url, "--resume").code == 0
    assert run(*SHARDS, "m.toml", "-o", url, "--finish").code == 0
    assert run(*SHARDS, "m.toml", "-o", url, "--check").code == 0
    assert run(*SHARDS, "m.toml", "-o", "local/").code == 0
    assert bucket.objects() == {f"m/{path.name}": path.read_bytes() for path in (tmp_path / "local").iterdir()}
