"""Numbers that are not negative as bytes of seven bits each, the lowest first: base 128, as in Protocol Buffers."""


def encoded(value: int) -> bytes:
    low = bytearray()
    while value >= 0x80:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    low.append(value)
    return bytes(low)


def decoded(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends. IndexError: the data ends before it."""
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | data[at] << shift, at + 1
