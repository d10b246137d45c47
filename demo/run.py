"""The story: three syncs and the questions between them. Every figure printed comes from the run itself."""

import json
import subprocess
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from demo import bucket, show
from demo.s3_server import connect
from demo.servers import Servers, running_servers
from demo.settings import Files, write_files
from demo.shop import LOG, Shop, ask_in_shop, open_shop
from demo.stores import S3Vectors, Store
from demo.sync import Sync, run_sync

FOLDER = Path(".demo")
QUESTIONS = [
    "A guest has a headache and feels sick after driving up. What now?",
    "May I bring my puppy along?",
    "A colleague made up observations: whom do I tell?",
]
ABOUT_DELETED = "Is it safe to drink from the tap?"
ABOUT_EDITED = "We are late. How do we get from the gate to the top?"
ABOUT_ADDED = "A nanny goat sleeps beside the telescope. Whom do I call?"


def run_demo(store: str) -> None:
    began = time.monotonic()
    with running_servers(store) as servers:
        client, files = _begin(servers)
        _first_sync(files)
        for question in QUESTIONS:
            show.answer(question, search(files, question, 2))
        show.title("Second sync: nothing has changed")
        _sync(files, 2)
        _third_sync(client, files)
        with _shop(files, servers) as shop:
            if shop:
                ask_in_shop(shop)
            _look_around(files, shop)
            serve = f".venv/bin/python -m demo serve --store {store}"
            print(f"\n`{serve}` loads anew and keeps the servers until Ctrl-C. Then, with that run's port:")
            _look_inside(servers.store, shop)
    print(f"\nDone in {time.monotonic() - began:.0f} s. The servers are stopped and their data are gone.")


def keep_serving(store: str) -> None:
    with running_servers(store) as servers:
        _, files = _begin(servers)
        _first_sync(files)
        with _shop(files, servers) as shop:
            _look_around(files, shop)
            print("\nThe servers run until Ctrl-C. To look inside, in another terminal:")
            _look_inside(servers.store, shop)
            print(flush=True)
            while True:
                time.sleep(3600)


def search(files: Files, question: str, limit: int) -> list[dict[str, Any]]:
    """By the connector's own command: nearest first, each with `source`, `distance`, `text`."""
    command = [str(files.program), "search", "--config", str(files.destination)]
    command += ["--stream", "documents", "--limit", str(limit), "--json", question]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _begin(servers: Servers) -> tuple[Any, Files]:
    show.title("From an S3 object to a searchable vector")
    show.say(f"S3 server:  {servers.s3.endpoint}   {servers.store.about}")
    client = connect(servers.s3.endpoint)
    uploaded = bucket.upload(client)
    show.say(f"Uploaded {uploaded.objects} objects, {uploaded.size / 1000:,.0f} kB, to s3://{bucket.NAME}.")
    return client, write_files(FOLDER, servers)


def _first_sync(files: Files) -> None:
    show.title("First sync: everything")
    print(f"source-s3 read --config {files.source} --catalog {files.catalog} \\")
    print(f"  | {files.program.name} write --config {files.destination} --catalog {files.catalog}\n", flush=True)
    _sync(files, 1)


def _sync(files: Files, number: int) -> Sync:
    progress = show.Progress()
    try:
        sync = run_sync(files, number, progress)
    finally:
        progress.end()
    show.sync_figures(sync)
    return sync


def _third_sync(client: Any, files: Files) -> None:
    show.title("Third sync: one document edited, one deleted, one added")
    print("\nBefore:")
    _ask_about_changes(files)
    bucket.change(client)
    print(f"\n  edited   {bucket.EDITED} (one paragraph)\n  deleted  {bucket.DELETED}\n  added    {bucket.ADDED}\n")
    _sync(files, 3)
    print("\nAfter:")
    _ask_about_changes(files)


def _ask_about_changes(files: Files) -> None:
    for question in (ABOUT_DELETED, ABOUT_EDITED, ABOUT_ADDED):
        show.answer(question, search(files, question, 1))


def _shop(files: Files, servers: Servers) -> AbstractContextManager[Shop | None]:
    """The vectors of pgvector are in PostgreSQL already; S3 Vectors needs a bridge to it."""
    return open_shop(files, servers) if isinstance(servers.store, S3Vectors) else nullcontext()


def _look_around(files: Files, shop: Shop | None) -> None:
    show.title("To look at")
    places = [
        (files.source, "configuration of the source"),
        (files.destination, "configuration of the destination"),
        (files.catalog, "catalog: streams, modes, keys"),
        (files.state, "state after the last sync: what the next one starts from"),
        (files.folder / "sync-1-source.jsonl", "each message of the source; …-destination.jsonl: the answers"),
    ]
    if shop:
        places.append((files.folder / LOG, "log of the Lambda function: no vectors, no texts, no ids"))
    for path, about in places:
        print(f"  {path!s:<28} {about}")


def _look_inside(store: Store, shop: Shop | None) -> None:
    for line in [*store.look(), *(shop.look() if shop else ())]:
        print(f"  {line}")
