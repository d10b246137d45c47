"""Runs in an environment of its own: the splitters of others, on texts that come on stdin.

    python chunk_peer.py MERGES < {"splitter": …, "options": {…}, "texts": […]}

prints {"seconds": of processor time, "chunks": [[…], …]}. `langchain` is what Airbyte's destinations use, with tiktoken
over GPT-2's merges, which tiktoken would fetch: https://github.com/airbytehq/airbyte-python-cdk/blob/main/airbyte_cdk/
destinations/vector_db_based/document_processor.py (`from_tiktoken_encoder`, whose default encoding is gpt2).
"""

import gzip
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def gpt2(merges: Path) -> Any:
    import tiktoken
    from tiktoken_ext.openai_public import r50k_pat_str

    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}
    ranks = {bytes([byte]): rank for rank, byte in enumerate([*printable, *others])}
    for line in gzip.decompress(merges.read_bytes()).decode().splitlines()[1:]:
        ranks[bytes(byte_of[letter] for letter in line.replace(" ", ""))] = len(ranks)
    return tiktoken.Encoding("gpt2", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={})


def langchain(options: dict[str, Any], merges: Path) -> Callable[[str], list[str]]:
    from langchain_text_splitters import Language, RecursiveCharacterTextSplitter

    encoding = gpt2(merges)
    if language := options.pop("language", None):
        options["separators"] = RecursiveCharacterTextSplitter.get_separators_for_language(Language(language))
    splitter = RecursiveCharacterTextSplitter(
        length_function=lambda text: len(encoding.encode(text, disallowed_special=())), **options
    )
    return splitter.split_text  # type: ignore[no-any-return]


def semantic_text_splitter(options: dict[str, Any], merges: Path) -> Callable[[str], list[str]]:  # noqa: ARG001
    from semantic_text_splitter import TextSplitter

    return TextSplitter.from_tiktoken_model("text-embedding-3-small", options["chunk_size"]).chunks  # type: ignore[no-any-return]


def main() -> None:
    asked = json.load(sys.stdin)
    split = {"langchain": langchain, "semantic_text_splitter": semantic_text_splitter}[asked["splitter"]](
        asked["options"], Path(sys.argv[1])
    )
    split("Load what is loaded at the first call.")
    began = time.process_time()
    chunks = [split(text) for text in asked["texts"]]
    json.dump({"seconds": time.process_time() - began, "chunks": chunks}, sys.stdout)


if __name__ == "__main__":
    main()
