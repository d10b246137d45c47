"""Mail: its subject as a heading, who wrote to whom and when, and its text. Attachments are documents of their own."""

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from source_s3.documents import markup
from source_s3.documents.kinds import BROKEN
from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import Attachment, Block, Facts, Parsed, assembled
from source_s3.documents.web.html import parsed_html
from source_s3.documents.web.html_blocks import blocks_of
from vector_ingest.errors import DataError

SHOWN = ("From", "To", "Cc", "Date")
MOST = 10_000  # parts
DEEPEST = 50  # parts in each other
# What `email` fails with over headers that are none.
ODD = (LookupError, ArithmeticError, AttributeError, TypeError, ValueError)
AS_IT_IS = policy.default.clone(refold_source="none")  # to fold headers that are none anew may fail


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: no header of a mail in it."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(content)
    except (*BROKEN, *ODD) as error:
        raise _no_mail(key, error) from error
    if not any(name in message for name in ("From", "To", "Subject", "Date", "Received", "MIME-Version")):
        raise DataError(key, "no header of a mail in it: is it one? Exclude it by the stream's globs")
    return parsed_of(key, message, limits)


def parsed_of(key: str, message: EmailMessage, limits: Limits) -> Parsed:
    """DataError: not one that can be read."""
    try:
        parts = list(_parts(message, 0))
        parsed = assembled(_blocks(key, message, parts), limits.characters, _facts(message))
        attachments = [_attachment(part, number) for number, part in enumerate(parts, 1) if _is_attached(part)]
    except (*BROKEN, *ODD) as error:
        raise _no_mail(key, error) from error
    return Parsed(parsed.content, parsed.sections, parsed.facts, attachments=attachments)


def _no_mail(key: str, error: BaseException) -> DataError:
    return DataError(key, f"no mail that can be read ({type(error).__name__}: {error}): exclude it")


def _facts(message: EmailMessage) -> Facts:
    when = _header(message, "Date")
    try:
        sent = parsedate_to_datetime(when).isoformat() if when else None
    except (ValueError, OverflowError):
        sent = None
    return Facts(title=_header(message, "Subject"), author=_header(message, "From"), created=sent)


def _header(message: EmailMessage, name: str) -> str | None:
    try:
        value = str(message[name] or "")
    except ODD:
        value = next(str(raw) for known, raw in message.raw_items() if known.lower() == name.lower())
    return markup.encodable(markup.one_line(value)) or None


def _parts(message: EmailMessage, depth: int) -> Iterator[EmailMessage]:
    """The leaves; a mail in a mail is one."""
    if depth > DEEPEST:
        raise TooMuch("parts of a mail in each other", DEEPEST)
    if not message.is_multipart() or message.get_content_type() == "message/rfc822":
        yield message
        return
    payload = message.get_payload()
    if len(payload) > MOST:
        raise TooMuch("parts of a mail beside each other", MOST)
    for part in payload if isinstance(payload, list) else ():
        assert isinstance(part, EmailMessage)
        yield from _parts(part, depth + 1)


def _blocks(key: str, message: EmailMessage, parts: list[EmailMessage]) -> Iterator[Block]:
    if subject := _header(message, "Subject"):
        yield Block(subject, 1)
    headers = [f"{name}: {value}" for name in SHOWN if (value := _header(message, name))]
    yield Block("\n".join(headers))
    bodies = [part for part in parts if not _is_attached(part) and part.get_content_maintype() == "text"]
    plain = [part for part in bodies if part.get_content_type() == "text/plain" and _text(part).strip()]
    pages = [part for part in bodies if part.get_content_type() == "text/html"]
    for part in plain or pages:
        if part in plain:
            for text in _text(part).replace("\r\n", "\n").split("\n\n"):
                yield Block(markup.paragraph(text))
            continue
        root = parsed_html(key, _text(part))
        if root is not None:
            yield from blocks_of(root)


def _text(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset() or "utf-8"
    try:
        text = content.decode(charset, "replace")
    except (LookupError, UnicodeError):  # as of names of hosts, which replace nothing
        text = content.decode("utf-8", "replace")
    return markup.encodable(text)


def _is_attached(part: EmailMessage) -> bool:
    """Pictures that the text shows are part of it, and have no text."""
    kind = part.get_content_type()
    if kind == "message/rfc822":
        return True
    disposition, name = _disposition(part)
    if part.get_content_maintype() in {"image", "audio", "video"} and disposition != "attachment":
        return False
    return disposition == "attachment" or bool(name) or not kind.startswith("text/")


def _disposition(part: EmailMessage) -> tuple[str | None, str | None]:
    """And the file's name; none where that has letters that no text can have, over which `email` fails."""
    try:
        return part.get_content_disposition(), part.get_filename()
    except UnicodeError:
        return "attachment", None


def _attachment(part: EmailMessage, number: int) -> Attachment:
    kind, (_, given) = part.get_content_type(), _disposition(part)
    payload: object
    if kind == "message/rfc822":
        inner = part.get_payload()
        mail = inner[0] if isinstance(inner, list) and inner else None
        payload = mail.as_bytes(policy=AS_IT_IS) if isinstance(mail, EmailMessage) else b""
        name = given or f"{_header(mail, 'Subject') if isinstance(mail, EmailMessage) else number}.eml"
    else:
        payload = part.get_payload(decode=True)
        name = given or f"part {number}"
    return Attachment(
        markup.encodable(markup.one_line(name)).replace("/", "_"), payload if isinstance(payload, bytes) else b"", kind
    )
