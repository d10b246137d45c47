"""An S3 server on 127.0.0.1 in this process, so that its objects can be given the times that a case needs."""

import itertools
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from demo.s3_server import connect
from tests.peer.objects import At, Object, content_of

USUAL = "2023-06-05T03:54:07"  # when an object of a case was last modified, if it does not say so


@dataclass(frozen=True, slots=True)
class Server:
    endpoint: str
    client: Any
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def make_bucket(self) -> str:
        name = f"case-{next(self._numbers)}"
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, objects: Mapping[str, Object]) -> None:
        from moto.s3.models import s3_backends

        for key, made in objects.items():
            time, inner = (made.time, made.inner) if isinstance(made, At) else (USUAL, made)
            self.client.put_object(Bucket=bucket, Key=key, Body=content_of(inner))
            stored = next(
                region.buckets[bucket].keys[key]
                for account in s3_backends.values()
                for region in account.values()
                if bucket in region.buckets
            )
            stored.last_modified = datetime.fromisoformat(time)  # in UTC, without a zone, as moto has it


@contextmanager
def serving() -> Iterator[Server]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = connect(f"http://{host}:{port}")
    try:
        yield Server(f"http://{host}:{port}", client)
    finally:
        client.close()
        server.stop()
