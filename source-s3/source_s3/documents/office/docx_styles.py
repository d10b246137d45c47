"""What Word's styles and numberings make of a paragraph: a heading, an item of a list, a line of code."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from source_s3.documents.parts import attribute, child, every, local, number

HEADING = re.compile(r"heading (\d)$", re.IGNORECASE)
CODE = re.compile(r"code|preformatted|source text|macro text", re.IGNORECASE)
DEEPEST = 8  # levels of a list
ANCESTORS = 12  # styles that one is based on: a ring of them ends


@dataclass(frozen=True, slots=True)
class Style:
    name: str = ""
    based_on: str | None = None
    outline: int | None = None
    numbering: tuple[str | None, int | None] | None = None  # of a list, and how deep in it

    @property
    def is_code(self) -> bool:
        return CODE.search(self.name) is not None


class Styles:
    def __init__(self, styles: Mapping[str, Style], default: str | None) -> None:
        self._styles, self._default = styles, default

    @classmethod
    def of(cls, root: Any | None) -> "Styles":
        found, default = {}, None
        for each in every(root, "style") if root is not None else ():
            name, based_on, properties = child(each, "name"), child(each, "basedOn"), child(each, "pPr")
            identity = attribute(each, "styleId") or ""
            found[identity] = Style(
                (attribute(name, "val") or "") if name is not None else identity,
                attribute(based_on, "val") if based_on is not None else None,
                _outline(properties),
                _numbering(properties),
            )
            if attribute(each, "type") == "paragraph" and attribute(each, "default") in {"1", "true"}:
                default = identity
        return cls(found, default)

    def of_paragraph(self, properties: Any | None) -> Style:
        named = child(properties, "pStyle") if properties is not None else None
        identity = attribute(named, "val") if named is not None else self._default
        return self._styles.get(identity or "", Style(identity or ""))

    def level(self, properties: Any | None, style: Style) -> int:
        """Of a heading; 0: it is none. The title counts as one of the first level."""
        own = _outline(properties)
        if own is not None:
            return own + 1 if own < 9 else 0
        for each in self._line(style):
            if match := HEADING.match(each.name):
                return int(match.group(1))
            if each.name.lower() == "title":
                return 1
            if each.outline is not None:
                return each.outline + 1 if each.outline < 9 else 0
        return 0

    def numbering(self, properties: Any | None, style: Style) -> tuple[str, int] | None:
        """The list that it is an item of, and how deep."""
        identity, depth = _numbering(properties) or (None, None)
        for each in self._line(style):
            if identity is None and each.numbering is not None:
                identity = each.numbering[0]
                depth = each.numbering[1] if depth is None else depth
        return None if identity in {None, "0"} else (str(identity), min(depth or 0, DEEPEST))

    def _line(self, style: Style) -> list[Style]:
        line = [style]
        while line[-1].based_on in self._styles and len(line) < ANCESTORS:
            line.append(self._styles[line[-1].based_on or ""])
        return line


class Numbering:
    """The markers of lists: they count on through the document."""

    def __init__(self, root: Any | None) -> None:
        self._ordered: dict[tuple[str | None, int], bool] = {}  # by abstract list and depth
        self._abstract: dict[str | None, str | None] = {}
        self._counts: dict[tuple[str, int], int] = {}
        for each in root if root is not None else ():
            if local(each) == "abstractNum":
                for level in every(each, "lvl"):
                    form = child(level, "numFmt")
                    depth = number(attribute(level, "ilvl")) or 0
                    bullet = form is None or attribute(form, "val") in {"bullet", "none"}
                    self._ordered[attribute(each, "abstractNumId"), depth] = not bullet
            elif local(each) == "num":
                abstract = child(each, "abstractNumId")
                self._abstract[attribute(each, "numId")] = attribute(abstract, "val") if abstract is not None else None

    def marker(self, identity: str, depth: int) -> tuple[int, str]:
        """How deep it stands, and what stands before it."""
        for other in [known for known in self._counts if known[0] == identity and known[1] > depth]:
            del self._counts[other]
        self._counts[identity, depth] = self._counts.get((identity, depth), 0) + 1
        ordered = self._ordered.get((self._abstract.get(identity), depth), False)
        return depth, f"{self._counts[identity, depth]}." if ordered else "-"


def _outline(properties: Any | None) -> int | None:
    found = child(properties, "outlineLvl") if properties is not None else None
    value = attribute(found, "val") if found is not None else None
    return number(value)


def _numbering(properties: Any | None) -> tuple[str | None, int | None] | None:
    found = child(properties, "numPr") if properties is not None else None
    if found is None:
        return None
    identity, depth = child(found, "numId"), child(found, "ilvl")
    return (
        attribute(identity, "val") if identity is not None else None,
        number(attribute(depth, "val")) if depth is not None else None,
    )
