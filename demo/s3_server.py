"""An S3 server (with STS) on 127.0.0.1: moto, as a process of its own. Its data live in memory."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from demo.postgres_server import free_port

ACCESS_KEY, SECRET_KEY, REGION = "AKIALOOPBACKONLY0000", "loopback-only-secret", "us-east-1"


def sign_in(endpoint: str, bucket: str) -> dict[str, Any]:
    """The part of a source's configuration that leads to this server."""
    keys = {"auth_type": "iam_user", "aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    return {"credentials": keys, "region_name": REGION, "endpoint": endpoint, "bucket": bucket}


def connect(endpoint: str) -> Any:
    """boto3's client, to fill the buckets with."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )


class S3Server:
    def __init__(self, module: str = "moto.server") -> None:
        """`module`: what is run, with moto's arguments."""
        self._module = module
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60) -> None:
        command = [sys.executable, "-m", self._module, "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the S3 server did not start: {' '.join(command)}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()  # nothing of it lasts, so there is nothing to end in good order
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False
