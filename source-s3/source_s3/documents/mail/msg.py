"""Mail of Outlook (MSG): its properties as the headers, the text and the attachments of the mail that `eml` reads.

The properties: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxprops, where they stand: ms-oxmsg.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from source_s3.documents import markup
from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.mail.eml import parsed_of
from source_s3.documents.mail.lzfu import decompressed
from source_s3.documents.mail.ole import Streams, opened
from source_s3.documents.parsed import Parsed

SUBJECT, BODY, HTML, RTF = 0x0037, 0x1000, 0x1013, 0x1009
SENDER, SENDER_SMTP, SENDER_ADDRESS = 0x0C1A, 0x5D01, 0x0C1F
SENT, RECEIVED = 0x0039, 0x0E06
TO, CC, NAME, SMTP, ADDRESS, KIND = 0x0E04, 0x0E03, 0x3001, 0x39FE, 0x3003, 0x0C15
CONTENT, LONG_NAME, SHORT_NAME, MIME_TYPE, CONTENT_ID = 0x3701, 0x3707, 0x3704, 0x370E, 0x3712
CODE_PAGE, HTML_CODE_PAGE = 0x3FFD, 0x3FDE
RECIPIENT, ATTACHMENT = "__recip_version1.0_", "__attach_version1.0_"
FIXED = "__properties_version1.0"
ENTRY = struct.Struct("<IIQ")  # of a property that has no stream: its tag, flags, value
HEADERS = (32, 24, 8)  # bytes before them: of a mail, of a mail in a mail, of anything else
BEGIN = datetime(1601, 1, 1, tzinfo=UTC)
UTF_8 = 65001
DEEPEST = 10  # mails in each other
MOST = 1000  # attachments


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: no compound file, or not one with a mail in it."""
    with opened(key, content) as streams:
        message = _message(key, streams, limits, 0)
    return parsed_of(key, message, limits)


class _Properties:
    """Of a mail, a recipient or an attachment."""

    def __init__(self, streams: Streams, header: int) -> None:
        self._streams = streams
        table = (streams.bytes_of(FIXED) or b"")[header:]
        whole = table[: len(table) // ENTRY.size * ENTRY.size]
        self._numbers = {tag >> 16: value for tag, _, value in ENTRY.iter_unpack(whole)}
        page = self.number(CODE_PAGE)
        self._encoding = _encoding(page) if page else "cp1252"

    def number(self, name: int) -> int | None:
        found = self._numbers.get(name)
        return found & 0xFFFFFFFF if found is not None else None

    def moment(self, *names: int) -> str | None:
        """Of the first that is there: tenths of microseconds since 1601."""
        found = next((self._numbers[name] for name in names if self._numbers.get(name)), None)
        try:
            return format_datetime(BEGIN + timedelta(microseconds=found // 10)) if found else None
        except OverflowError:
            return None

    def data(self, name: int) -> bytes | None:
        return self._streams.bytes_of(f"__substg1.0_{name:04X}0102")

    def text(self, *names: int) -> str:
        """Of the first that is there."""
        for name in names:
            wide = self._streams.bytes_of(f"__substg1.0_{name:04X}001F")
            if wide:
                return wide.decode("utf-16-le", "replace").rstrip("\0")
            narrow = self._streams.bytes_of(f"__substg1.0_{name:04X}001E")
            if narrow:
                return narrow.decode(self._encoding, "replace").rstrip("\0")
        return ""


def _encoding(code_page: int) -> str:
    name = "utf-8" if code_page == UTF_8 else f"cp{code_page}"
    try:
        b"".decode(name)
    except LookupError:
        return "cp1252"
    return name


def _message(key: str, streams: Streams, limits: Limits, depth: int) -> EmailMessage:
    if depth > DEEPEST:
        raise TooMuch("mails in each other", DEEPEST)
    found = _Properties(streams, HEADERS[min(depth, 1)])
    message = EmailMessage(policy.default)
    for name, value in _headers(streams, found):
        if value:
            message[name] = markup.one_line(value)
    _add_text(key, message, found, limits)
    for number, name in enumerate(each for each in streams.names if each.startswith(ATTACHMENT)):
        if number >= MOST:
            raise TooMuch("attachments", MOST)
        _attach(key, message, streams.below(name), limits, depth)
    return message


def _headers(streams: Streams, found: _Properties) -> Iterator[tuple[str, str | None]]:
    recipients = [_Properties(streams.below(name), HEADERS[2]) for name in streams.names if name.startswith(RECIPIENT)]
    yield "Subject", found.text(SUBJECT)
    yield "From", _address(found.text(SENDER), found.text(SENDER_SMTP, SENDER_ADDRESS))
    for header, kind, shown in (("To", 1, TO), ("Cc", 2, CC)):
        named = (
            _address(each.text(NAME), each.text(SMTP, ADDRESS)) for each in recipients if each.number(KIND) == kind
        )
        yield header, ", ".join(named) or found.text(shown)
    yield "Date", found.moment(SENT, RECEIVED)


def _address(name: str, address: str) -> str:
    """An address of Exchange, which has no @, tells no reader anything."""
    if "@" not in address:
        return name
    return formataddr((name, address)) if name.isascii() and name != address else f"{name} <{address}>".lstrip()


def _add_text(key: str, message: EmailMessage, found: _Properties, limits: Limits) -> None:
    """The plain text, else the page, else the RTF."""
    text = found.text(BODY)
    page = found.text(HTML)
    if not page and (coded := found.data(HTML)):
        page = coded.decode(_encoding(found.number(HTML_CODE_PAGE) or UTF_8), "replace")
    packed = found.data(RTF)
    if text.strip():
        message.set_content(text)
    elif page:
        message.set_content(page, subtype="html")
    elif packed:
        from source_s3.documents.office.rtf import read as read_rtf

        message.set_content(read_rtf(key, decompressed(packed, limits.unpacked), limits).content)
    else:
        message.set_content("")


def _attach(key: str, message: EmailMessage, streams: Streams, limits: Limits, depth: int) -> None:
    found = _Properties(streams, HEADERS[2])
    name = markup.one_line(found.text(LONG_NAME, SHORT_NAME, NAME)) or None
    inner = f"__substg1.0_{CONTENT:04X}000D"
    if inner in streams.names:
        mail = _message(key, streams.below(inner), limits, depth + 1)
        message.add_attachment(mail, filename=f"{name or 'mail'}.eml")
        return
    content = found.data(CONTENT)
    kind, _, subtype = (found.text(MIME_TYPE) or "application/octet-stream").lower().partition("/")
    if content is None or (kind == "image" and found.text(CONTENT_ID)):  # a picture that the text shows
        return
    if kind in {"text", "message", "multipart"} or not subtype.isprintable() or not subtype:
        kind, subtype = "application", "octet-stream"  # its bytes and its name tell
    message.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
