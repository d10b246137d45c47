"""The splitters that Airbyte's destinations offer: cut at the first separator found, then at finer ones.

The rule is that of LangChain's RecursiveCharacterTextSplitter, so that the chunks of a configuration that moves here
begin and end where they did, with three differences: tokens are counted by the model's own tokenizer, a chunk is always
a range of the text (what is empty between two separators stays inside it), and none is above the budget.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vector_ingest.chunk.boundaries import content_defined
from vector_ingest.chunk.graphemes import character_ends, may_cut
from vector_ingest.chunk.sentences import CountTokens, Span
from vector_ingest.forms.processing import ByMarkdownHeader, ByProgrammingLanguage, BySeparator

# What begins a definition or a block, between a new line and a space, in the order in which it is tried. LangChain's
# lists for rst, markdown and latex hold patterns too, but Airbyte's destinations search them as plain text and never
# find them: they are left out.
_KEYWORDS = {
    "cpp": ["class", "void", "int", "float", "double", "if", "for", "while", "switch", "case"],
    "go": ["func", "var", "const", "type", "if", "for", "switch", "case"],
    "java": ["class", "public", "protected", "private", "static", "if", "for", "while", "switch", "case"],
    "js": ["function", "const", "let", "var", "class", "if", "for", "while", "switch", "case", "default"],
    "php": ["function", "class", "if", "foreach", "while", "do", "switch", "case"],
    "proto": ["message", "service", "enum", "option", "import", "syntax"],
    "python": ["class", "def", "\tdef"],
    "rst": [],
    "ruby": ["def", "class", "if", "unless", "while", "for", "do", "begin", "rescue"],
    "rust": ["fn", "const", "let", "if", "while", "for", "loop", "match"],
    "scala": ["class", "object", "def", "val", "var", "if", "for", "while", "match", "case"],
    "sol": [
        *["pragma", "using", "contract", "interface", "library", "constructor", "type", "function", "event"],
        *["modifier", "error", "struct", "enum", "if", "for", "while", "do while", "assembly"],
    ],
    "swift": ["func", "class", "struct", "enum", "if", "for", "while", "do", "switch", "case"],
}
_LINES_AND_WORDS = ["\n\n", "\n", " ", ""]
_TAGS = (
    *(
        "body",
        "div",
        "p",
        "br",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "span",
        "table",
        "tr",
        "td",
        "th",
        "ul",
        "ol",
    ),
    *("header", "footer", "nav", "head", "style", "script", "meta", "title"),
)
_OTHER = {
    "html": [*(f"<{tag}" for tag in _TAGS), ""],
    "latex": ["$$", "$", " ", ""],
    "markdown": ["```\n", *_LINES_AND_WORDS],
}


@dataclass(frozen=True, slots=True)
class Separators:
    """In the order in which they are tried; an empty one stands between any two characters.

    `kept`: a separator begins the piece after it. Otherwise it is part of no piece.
    """

    patterns: Sequence[str]
    kept: bool


def separators_of(option: BySeparator | ByMarkdownHeader | ByProgrammingLanguage) -> Separators:
    match option:
        case BySeparator():
            literal = [json.loads(separator) for separator in option.separators]
            # Without any, LangChain takes its own, which are the form's default.
            return Separators([re.escape(text) for text in literal or _LINES_AND_WORDS], option.keep_separator)
        case ByMarkdownHeader():
            levels = range(1, option.split_level + 1)
            return Separators([rf"(?:^|\n){'#' * level} " for level in levels], kept=True)
        case ByProgrammingLanguage(language=language):
            literal = _OTHER.get(language) or [*(f"\n{word} " for word in _KEYWORDS[language]), *_LINES_AND_WORDS]
            return Separators([re.escape(text) for text in literal], kept=True)


def separated(
    text: str, separators: Separators, budget: int, overlap: int, count_tokens: CountTokens
) -> Iterator[Span]:
    """Spans of at most `budget` tokens. A piece that no separator divides is cut as `content_defined` does."""
    rule = Rule(separators.kept, budget, overlap, count_tokens)
    for pieces, _ in divided(text, (0, len(text)), separators.patterns, rule):
        start, end = pieces[0][0], pieces[-1][1]
        if count_tokens(text[start:end].strip()) <= budget:
            yield start, end
        else:
            for inner_start, inner_end in content_defined(text[start:end], budget, overlap, count_tokens):
                yield start + inner_start, start + inner_end


@dataclass(frozen=True, slots=True)
class Rule:
    """`code_points`: pieces without a separator between them are code points, as in LangChain, not characters."""

    kept: bool
    budget: int
    overlap: int
    count_tokens: CountTokens
    code_points: bool = False


def divided(text: str, span: Span, patterns: Sequence[str], rule: Rule) -> Iterator[tuple[Sequence[Span], str]]:
    """The pieces of each chunk, and the separator between them that is part of no piece.

    A piece that no separator divides may be above the budget.
    """
    pattern, separator, finer = _first_found(text[slice(*span)], patterns)
    if rule.kept:
        separator = ""
    glue = rule.count_tokens(separator) if separator else 0
    small: list[tuple[Span, int]] = []  # neighbours that may fit together, and their tokens
    for piece in _pieces(text, span, pattern, rule):
        tokens = rule.count_tokens(text[slice(*piece)])
        if tokens < rule.budget:
            small.append((piece, tokens))
            continue
        for pieces in _merged(small, glue, rule):
            yield pieces, separator
        small = []
        if finer:
            yield from divided(text, piece, finer, rule)
        else:
            yield [piece], separator
    for pieces in _merged(small, glue, rule):
        yield pieces, separator


def _first_found(text: str, patterns: Sequence[str]) -> tuple[str, str, Sequence[str]]:
    """The first pattern that the text holds, what it found, those after it. If it holds none: the last, and nothing."""
    for index, pattern in enumerate(patterns):
        if not pattern:
            return "", "", ()
        if found := re.search(pattern, text):
            return pattern, found[0], patterns[index + 1 :]
    return patterns[-1], "", ()


def _pieces(text: str, span: Span, pattern: str, rule: Rule) -> Iterator[Span]:
    """What lies between the separators, empty pieces left out."""
    start, end = span
    if not pattern:
        inner = range(start + 1, end) if rule.code_points else character_ends(text, start, end, 0)
        yield from pairwise([start, *inner, end])
        return
    # On a slice, so that `^` is the beginning of the piece, as where a piece is a string of its own.
    for match in re.finditer(pattern, text[start:end]):
        cut, after = span[0] + match.start(), span[0] + match.end()
        if not rule.code_points and not (may_cut(text, cut) and may_cut(text, after)):
            continue
        if cut > start:
            yield start, cut
        start = cut if rule.kept else after
    if end > start:
        yield start, end


def _merged(pieces: Iterable[tuple[Span, int]], glue: int, rule: Rule) -> Iterator[Sequence[Span]]:
    """Neighbours together as far as they fit; each chunk begins with what fits into the overlap of the one before."""
    current: deque[tuple[Span, int]] = deque()
    total = 0  # tokens of `current`, `glue` between them included
    for span, tokens in pieces:
        if current and total + glue + tokens > rule.budget:
            yield [piece for piece, _ in current]
            while total > rule.overlap or (total and total + (glue if current else 0) + tokens > rule.budget):
                total -= current.popleft()[1] + (glue if current else 0)
        total += tokens + (glue if current else 0)
        current.append((span, tokens))
    if current:
        yield [piece for piece, _ in current]
