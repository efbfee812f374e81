"""What the bytes of an audio file say: whether it is whole, and what it holds besides its sound.

Decoders take what is there for the whole, so that a download cut short, a second recording behind
the first or the file of a recorder that was stopped would be half read and nobody told. Here each
container's own lengths, checksums and marks of an end are held against the file.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lcr.audio.mpeg import find_frames, promised_frames, read_frame
from lcr.audio.tags import id3_frames, info_items, lost, named_once, seven_bits, vorbis_comments
from lcr.errors import AudioFileError

_SEVERAL = "holds several recordings one behind the other; give them one by one"
_BLOCK = 2**20
_LOOKED_AT = 2**16
"""Bytes in which an MP3 must begin."""
_MOST_TAGS = 2**24
"""Bytes of tags that are looked at; a picture may be among them."""

_CHUNKED = {
    b"RIFF": ("<4sI", 12, b"data", 2),
    b"RIFX": (">4sI", 12, b"data", 2),
    b"RF64": ("<4sI", 12, b"data", 2),
    b"BW64": ("<4sI", 12, b"data", 2),
    b"FORM": (">4sI", 12, b"SSND", 2),
    b"caff": (">4sq", 8, b"data", 1),
    b"riff": ("<4s12xQ", 40, b"data", 8),  # W64
}
"""First bytes to: how a chunk's name and length are written, where the first chunk is, which one
holds the sound, to a multiple of how many bytes each is filled up."""
_UNKNOWN = 0x7FFF_F000
"""Programs that write into a pipe leave a length near 2^31 or 2^32 instead of one."""
_CARRIED = frozenset(
    b"fmt |data|fact|ds64|PEAK|pad |PAD |junk|JUNK|FLLR|COMM|SSND|FVER|NAME|AUTH|ANNO|(c) |APPL|"
    b"desc|info|strg|free|pakt|kuki|peak|levl".split(b"|")
)
"""Chunks that hold sound, how it is stored, tags that are kept, or nothing."""
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_PLAIN_AIFC = (b"NONE", b"twos", b"sowt")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """`extras` names what a copy of a file's sound and plain tags lacks. `channel_mask` says which
    loudspeakers a WAV's channels are for; 0 where it does not."""

    extras: tuple[str, ...] = ()
    channel_mask: int = 0
    samples: int | None = None
    """A channel, of an MP3, by its frames."""
    md5: bytes | None = None
    """Of all samples, of a FLAC file."""


def examine(path: Path) -> Contents | None:
    """Look at all that a file says about itself; None for a format that is not known here.

    Raises AudioFileError for one that is cut off, damaged or more than one recording, OSError.
    """
    with path.open("rb") as file:
        return _Examined(path, file).contents()


class _Examined:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._size = file.seek(0, os.SEEK_END)

    def contents(self) -> Contents | None:
        if self._size == 0:
            raise self._problem("is cut off: it is empty")
        self._file.seek(0)
        magic = self._file.read(12)
        form = magic[8:] in (b"WAVE", b"AIFF", b"AIFC") or magic[:4] in (b"caff", b"riff")
        if magic[:4] in _CHUNKED and form:
            return self._chunked(magic[:4])
        if magic[:4] == b"OggS":
            return self._ogg()
        if magic[:4] == b".snd":
            return self._au()
        if magic[:8] == b"NIST_1A\n":
            return self._nist()
        if magic[:4] == b"0&\xb2u":
            self._check_asf()
            return None
        start = self._after_id3(0)
        if self._size > start + 4 and self._at(start, 4) == b"fLaC":
            return self._flac(start + 4)
        self._file.seek(start)
        first = find_frames(self._file.read(_LOOKED_AT))
        return None if first is None else self._mp3(start + first)

    def _at(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        found = self._file.read(length)
        if len(found) < length:
            raise self._cut(length - len(found))
        return found

    def _problem(self, text: str) -> AudioFileError:
        return AudioFileError(self._path, text)

    def _cut(self, missing: int) -> AudioFileError:
        return self._problem(f"is cut off: {missing} or more bytes are missing at its end")

    def _wrong_length(self, rest: int) -> AudioFileError:
        return self._problem(
            f"says that its sound ends {rest} bytes before the file does: was its recorder "
            "stopped? (ffmpeg -ignore_length 1 -i FILE NEW.wav mends a WAV)"
        )

    def _after_id3(self, position: int) -> int:
        """Where the file goes on behind tags of ID3v2."""
        while position + 10 <= self._size and (head := self._at(position, 10))[:3] == b"ID3":
            position += 10 + seven_bits(head[6:10]) + (10 if head[5] & 0x10 else 0)
        return position

    def _check_end(self, end: int, magic: bytes = b"-") -> None:
        """Of a format without anything behind its sound."""
        if end > self._size:
            raise self._cut(end - self._size)
        self._file.seek(end)
        if self._file.read(len(magic)) == magic:
            raise self._problem(_SEVERAL)
        if end < self._size:
            raise self._wrong_length(self._size - end)

    def _au(self) -> Contents:
        start, length = struct.unpack(">II", self._at(4, 8))
        if length != 2**32 - 1:
            self._check_end(start + length, b".snd")
        return Contents()

    def _check_asf(self) -> None:
        """wma: ffmpeg reads it, and does not tell where it was cut between two packets."""
        head = self._file.read(_LOOKED_AT)
        place = head.find(_ASF_PROPERTIES)
        length = int.from_bytes(head[place + 40 : place + 48], "little") if place >= 0 else 0
        if length > self._size:
            raise self._cut(length - self._size)

    def _nist(self) -> Contents:
        header = self._at(0, 1024)
        numbers = dict(re.findall(rb"(\w+) -i (\d+)", header))
        length = 1
        for name in (b"sample_count", b"channel_count", b"sample_n_bytes"):
            length *= int(numbers.get(name, 0))
        if length:
            self._check_end(1024 + length, b"NIST_1A\n")
        return Contents()

    def _chunks(self, magic: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Name, place and length of every chunk, checked; up to one of unknown length."""
        form, position, sound, align = _CHUNKED[magic]
        head = struct.calcsize(form)
        heard, long = False, None
        while position + head <= self._size:
            name, length = struct.unpack(form, self._at(position, head))
            if heard and name == magic:
                raise self._problem(_SEVERAL)
            if name[:3] in (b"ID3", b"TAG"):  # of another format
                yield b"ID3", position, self._size - position
                return
            if not all(0x20 <= byte < 0x7F for byte in name):
                if any(block.strip(b"\0") for block in self._from(position)):
                    raise self._wrong_length(self._size - position)
                return
            length -= head if magic == b"riff" else 0
            position += head
            rest = self._size - position
            if name == b"ds64" and rest >= 16:
                long = struct.unpack("<Q", self._at(position + 8, 8))[0]
            if name == sound:
                heard = True
                if length == 2**32 - 1 and long is not None:
                    length = long
                wide = long is not None or magic in (b"caff", b"riff")
                if length < 0 or length >= (2**63 if wide else _UNKNOWN):
                    return
                if length > rest:
                    raise self._cut(length - rest)
                if length == 0 and rest > 1:
                    raise self._wrong_length(rest)
            elif length < 0:
                raise self._problem(f"is damaged: a part of it is {length} bytes long")
            yield name, position, min(length, rest)
            position += length + -length % align
        if not heard:
            raise self._problem("is cut off: it ends before its sound begins")

    def _from(self, position: int) -> Iterator[bytes]:
        self._file.seek(position)
        while block := self._file.read(_BLOCK):
            yield block

    def _chunked(self, magic: bytes) -> Contents:
        extras: list[str] = []
        mask = declared = found = 0
        for name, position, length in self._chunks(magic):
            most = 8 if name in (b"data", b"SSND") else _MOST_TAGS
            content = self._at(position, min(length, most))
            if name == b"fmt " and content[:2] == b"\xfe\xff" and length >= 24:
                bits, valid, mask = struct.unpack("<14xHxxHI", content[:24])
                if valid not in (0, bits):
                    extras.append(f"that {valid} of {bits} bits are used")
            elif name == b"LIST" and content[:4] == b"INFO":
                extras += lost(info_items(content))
            elif name == b"LIST":
                extras.append(content[:4].decode("latin-1"))
            elif name == b"COMM" and (length < 22 or content[18:22] in _PLAIN_AIFC):
                channels, frames, bits = struct.unpack(">HIH", content[:8].ljust(8, b"\0"))
                declared = channels * frames * -(-bits // 8)
            elif name == b"SSND":
                found = length - 8 - int.from_bytes(content[:4], "big")
            elif name not in _CARRIED:
                extras.append(name.decode().strip())
        if declared > found:
            raise self._cut(declared - found)
        return Contents(extras=named_once(extras), channel_mask=mask)

    def _flac(self, position: int) -> Contents:
        extras: list[str] = []
        md5, last = None, False
        while not last:
            head = self._at(position, 4)
            last, kind, length = head[0] > 0x7F, head[0] & 0x7F, int.from_bytes(head[1:], "big")
            content = self._at(position + 4, length)
            if kind == 0 and any(content[18:34]):
                md5 = content[18:34]
            elif kind == 4:
                extras += lost(vorbis_comments(content))
            elif kind in (2, 5, 6):
                extras.append({2: "application data", 5: "cue sheet", 6: "cover art"}[kind])
            position += 4 + length
        before = b""
        for block in self._from(position):
            if re.search(rb"fLaC[\x00\x80]\x00\x00\x22", before + block):
                raise self._problem(_SEVERAL)
            before = block[-7:]
        return Contents(extras=named_once(extras), md5=md5)

    def _ogg(self) -> Contents:
        """Check every Ogg page: its checksum, its number, and that each stream is ended."""
        ended: dict[int, bool] = {}
        numbers: dict[int, int] = {}
        tags, sounds, begun, position = bytearray(), 0, False, 0
        while position < self._size:
            self._file.seek(position)
            page = self._file.read(27)
            if page[:4] != b"OggS"[: len(page)]:
                if ended and all(ended.values()):
                    break  # tags of another format
                raise self._problem(f"is damaged at byte {position}")
            table = self._at(position + 27, page[26]) if len(page) == 27 else self._at(position, 27)
            body = self._at(position + 27 + len(table), sum(table))
            position += 27 + len(table) + len(body)
            flags, serial, number, crc = struct.unpack("<5xB8xIII", page[:26])
            if _ogg_crc(page[:22] + bytes(4) + page[26:] + table + body) != crc:
                raise self._problem(f"is damaged: page {number} is not what its checksum says")
            if flags & 2:
                sounds += body.startswith((b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex"))
                if begun or sounds > 1:
                    raise self._problem(_SEVERAL)
            elif number != numbers.get(serial, -1) + 1:
                raise self._problem(f"is damaged: there is no page before page {number}")
            begun |= not flags & 2
            numbers[serial], ended[serial] = number, bool(flags & 4)
            if len(tags) < _MOST_TAGS:
                tags += body
        if not all(ended.values()):
            raise self._problem("is cut off: the mark of its end is missing")
        begin = re.search(rb"\x03vorbis|OpusTags", tags)
        names = lost(vorbis_comments(tags[begin.end() :])) if begin else ()
        return Contents(extras=named_once(names))

    def _mp3(self, position: int) -> Contents:
        frame = read_frame(self._at(position, 4))
        assert frame is not None
        promised = promised_frames(self._at(position, min(256, self._size - position)), frame)
        count, kind = 0, frame.kind
        while position + 4 <= self._size and (frame := read_frame(self._at(position, 4))):
            if frame.kind != kind:
                raise self._problem(_SEVERAL)
            position += frame.length
            if position > self._size:
                raise self._cut(position - self._size)
            count += 1
        self._file.seek(position)
        rest = self._file.read(_BLOCK)
        if rest[:1] == b"\xff" and len(rest) < 4:
            raise self._cut(4 - len(rest))
        if find_frames(rest, kind) is not None:
            if rest[:3] == b"ID3":
                raise self._problem(_SEVERAL)
            raise self._problem(f"is damaged at byte {position}: no frame of MP3 begins there")
        if promised is not None:
            count -= 1  # the header's own
            if count < promised - 1:
                raise self._problem(f"is cut off: {count} of {promised} frames are there")
            if count > promised:
                raise self._problem(_SEVERAL)
        tag = self._at(0, min(self._after_id3(0), _MOST_TAGS))
        names = named_once(lost(id3_frames(tag))) if tag else ()
        return Contents(extras=names, samples=count * kind.samples)


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_crc(page: bytes) -> int:
    """Ogg's CRC-32: zlib's polynomial, with the bits in the other order and without inversion."""
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{crc:032b}"[::-1], 2)
