"""Damage to the bytes of a file, as disks, editors and killed programs do it."""

from hypothesis import strategies as st

ANY = [b"", b"\0" * 64, b"{}", b"[]", b"null", b'"x"', b"[" * 100_000, b"- " * 50_000, b"\xff\xfe",
       b"PK\x03\x04" + bytes(40), b"\x89PNG\r\n\x1a\n", b"<!DOCTYPE html>"]  # fmt: skip
"""Files of another kind."""

ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "cp500")


def flipped(content: bytes, bits: list[int]) -> bytes:
    """``content`` with these bits changed, counted from its beginning and over again."""
    found = bytearray(content)
    for bit in bits:
        found[bit // 8 % len(found)] ^= 1 << bit % 8
    return bytes(found)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Other bytes than ``content``: flipped bits, cut, doubled, overwritten, another kind."""
    place = st.integers(0, len(content) - 1)
    kinds = [
        st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=40).map(
            lambda bits: flipped(content, bits)
        ),
        place.map(lambda at: content[:at]),
        place.map(lambda at: content[at:]),
        st.tuples(place, st.binary(min_size=1, max_size=9)).map(
            lambda drawn: content[: drawn[0]] + drawn[1] + content[drawn[0] :]
        ),
        st.tuples(place, place).map(
            lambda drawn: content[: min(drawn)] + content[max(drawn) + 1 :]
        ),
        place.map(lambda at: content[:at] + bytes(len(content) - at)),
        place.map(lambda at: content + content[at:]),
        st.sampled_from(ANY),
        st.sampled_from(ENCODINGS).map(
            lambda encoding: content.decode("latin-1").encode(encoding, "replace")
        ),
    ]
    return st.one_of(kinds).filter(lambda found: found != content)
