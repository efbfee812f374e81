"""Frames of MPEG audio, of which an MP3 consists: it has no header that tells its length."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What all frames of one recording share: `version` 3 is MPEG 1, 2 is MPEG 2, 0 MPEG 2.5."""

    version: int
    layer: int
    rate: int
    mono: bool

    @property
    def samples(self) -> int:
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.version != 3 else 1152


@dataclass(frozen=True)
class Frame:
    kind: Kind
    length: int


_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_LOW_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_KBPS = {
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): _LOW_KBPS,
    (False, 3): _LOW_KBPS,
}


def read_frame(head: bytes) -> Frame | None:
    """The frame that four bytes begin; those of a free rate, which nothing writes, are none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    kind = Kind(version, layer, _RATES[version][rate], head[3] >> 6 == 3)
    bits = 1000 * _KBPS[version == 3, layer][bit_rate - 1]
    slot = 4 if layer == 1 else 1
    length = (kind.samples // 8 // slot * bits // kind.rate + (head[2] >> 1 & 1)) * slot
    return Frame(kind, length)


def promised_frames(first: bytes, frame: Frame) -> int | None:
    """How many frames the first one, where it is a header of Xing's or VBRI's, says that follow."""
    side = (17, 32) if frame.kind.version == 3 else (9, 17)
    place = 4 + side[not frame.kind.mono]
    if first[place : place + 4] in (b"Xing", b"Info") and first[place + 7] & 1:
        return int.from_bytes(first[place + 8 : place + 12], "big")
    if first[36:40] == b"VBRI":
        return int.from_bytes(first[50:54], "big")
    return None


def find_frames(content: bytes, kind: Kind | None = None) -> int | None:
    """Where two frames of one kind (of `kind`, if given) stand one behind the other."""
    for match in re.finditer(b"\xff", content):
        place = match.start()
        frame = read_frame(content[place : place + 4])
        if frame is not None and kind in (None, frame.kind):
            after = read_frame(content[place + frame.length : place + frame.length + 4])
            if after is not None and after.kind == frame.kind:
                return place
    return None
