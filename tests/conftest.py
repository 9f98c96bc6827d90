"""What the tests of several rooms use: the command line, and an S3 server on this machine."""

import io
import itertools
import signal
from dataclasses import dataclass, field

import pytest

from initgen.cli import main

# Not those of whoever runs the tests, nor a look at the machine's own.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@dataclass
class Run:
    """What a run of the command line left behind."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


@pytest.fixture
def run(tmp_path, monkeypatch, capsysbinary):
    """``run(*args, stdin=b"")``: a command in the test's own process, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)  # pytest's own stay

    def call(*args, stdin=b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        out, err = capsysbinary.readouterr()
        assert b"Traceback" not in err
        return Run(left.value.code or 0, out, err.decode())

    return call


@dataclass
class Bucket:
    """A bucket as another library sees it."""

    client: object
    name: str
    numbers: itertools.count = field(default_factory=itertools.count)

    @property
    def url(self):
        return f"s3://{self.name}"

    def objects(self):
        """Every object that is visible."""
        listed = self.client.list_objects_v2(Bucket=self.name).get("Contents", ())
        return {found["Key"]: self.read(found["Key"]) for found in listed}

    def names(self):
        return sorted(found["Key"] for found in self.client.list_objects_v2(Bucket=self.name).get("Contents", ()))

    def read(self, key):
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def put(self, key, data):
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def uploads(self):
        """Multipart uploads that are neither completed nor aborted."""
        return self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])


@pytest.fixture(scope="session")
def s3_server():
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request takes a tenth of the time
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        yield boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    server.stop()


@pytest.fixture
def bucket(s3_server, request):
    """An empty bucket, whose server the environment names."""
    name = f"bucket-{abs(hash(request.node.nodeid)):x}"
    s3_server.create_bucket(Bucket=name)
    return Bucket(s3_server, name)
