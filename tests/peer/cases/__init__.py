"""The cases by group. A group's recording is `tests/files/peer_cases/<group>.json`."""

from collections.abc import Mapping, Sequence

from tests.peer.case import Case
from tests.peer.cases import csv, documents, parquet, rows, selection, syncs, version_3

GROUPS: Mapping[str, Sequence[Case]] = {
    "csv": csv.CASES,
    "rows": rows.CASES,
    "parquet": parquet.CASES,
    "documents": documents.CASES,
    "selection": selection.CASES,
    "syncs": syncs.CASES,
    "version_3": version_3.CASES,
}
