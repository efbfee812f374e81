"""Names of the tags in audio files, to tell which of them a copy lacks."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator

_KEPT_TAGS = re.compile(
    "TITLE|COPYRIGHT|ENCODER|SOFTWARE|ARTIST|COMMENT|DESCRIPTION|DATE|ALBUM|LICENSE|TRACKNUMBER|"
    "GENRE|TIT2|TCOP|TSSE|TENC|TPE1|COMM|TDRC|TYER|TALB|TRCK|TCON|TLEN|"
    "INAM|ICOP|ISFT|IART|ICMT|ICRD|IPRD|IGNR|ITRK|IPRT"
)
"""Those that libsndfile hands on, by their names in Vorbis comments, ID3 and RIFF."""
_COVERS = ("METADATA_BLOCK_PICTURE", "COVERART", "APIC")


def named_once(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in order."""
    return tuple(dict.fromkeys(names))


def lost(names: Iterable[str]) -> Iterator[str]:
    """The tags among `names` that libsndfile does not copy, in words."""
    for name in names:
        if not _KEPT_TAGS.fullmatch(name):
            yield "cover art" if name in _COVERS else name


def info_items(content: bytes) -> Iterator[str]:
    """Names in a list of RIFF's tags."""
    place = 4
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        yield name.decode("latin-1")
        place += 8 + size + size % 2


def vorbis_comments(block: bytes | bytearray) -> Iterator[str]:
    """Names in a block of Vorbis comments."""
    try:
        place = 4 + int.from_bytes(block[:4], "little")
        (count,) = struct.unpack_from("<I", block, place)
        for _ in range(count):
            (length,) = struct.unpack_from("<I", block, place + 4)
            text = block[place + 8 : place + 8 + min(length, 64)]
            yield text.partition(b"=")[0].decode("latin-1").upper()
            place += 4 + length
    except struct.error:  # it says that there are more than there are
        return


def id3_frames(tag: bytes) -> Iterator[str]:
    """Names of the frames of a tag of ID3v2.3 or 2.4, its header included."""
    place = 10
    while tag[3] > 2 and place + 10 <= len(tag) and tag[place : place + 4].isalnum():
        yield tag[place : place + 4].decode("ascii")
        size = tag[place + 4 : place + 8]
        place += 10 + (seven_bits(size) if tag[3] == 4 else int.from_bytes(size, "big"))


def seven_bits(content: bytes) -> int:
    """A number of ID3: seven bits a byte."""
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
    return value
