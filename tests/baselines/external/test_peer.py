"""Peers over pipes: what they answer, and every way in which they do not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from baselines.external.peer import Peer, PeerError, PeerTimeoutError

PEER = Path(__file__).with_name("misbehaving_peer.py")
RATE = 16_000
SOUND = (0.1 * np.random.default_rng(0).standard_normal((2, 4000))).astype(np.float32)
ASKED = {"prompt": "Remove the dog."}
WAYS = {
    "crashes": "Segmentation fault",
    "is_killed": "",
    "hangs": "",
    "late": "",
    "closes_its_output": "",
    "leaves_a_child_behind": "",
    "half_a_line": "",
    "garbage": "not JSON",
    "prints": "checkpoint",
    "no_wav": "",
    "wrong_id": "",
    "unknown_field": "confidence",
    "no_base64": "",
    "no_wav_file": "",
    "too_short": "(2, 50)",
    "nan": "8000",
    "wrong_rate": "8000",
}
TIME_OUT = ("hangs", "late")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes are waited for by select")


@pytest.fixture
def start() -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def started(*words: object, seconds: float = 60, start_seconds: float = 60) -> Peer:
        command = " ".join(map(str, (sys.executable, PEER, *words)))
        peers.append(Peer(command, seconds=seconds, start_seconds=start_seconds))
        return peers[-1]

    yield started
    for peer in peers:
        peer.close()


def ask(peer: Peer) -> np.ndarray:
    return peer.ask(SOUND, RATE, channels=2, fields=ASKED)


def test_a_peer_answers_as_often_as_it_is_asked(start: Callable[..., Peer]) -> None:
    peer = start("well")
    assert (peer.hello.name, peer.hello.versions) == ("test peer", {"peer": "1.0"})
    for _ in range(3):
        np.testing.assert_array_equal(ask(peer), SOUND * np.float32(0.5))
    assert peer.close() == -9
    np.testing.assert_array_equal(ask(peer), SOUND * np.float32(0.5))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_answer_is_an_error_and_the_next_request_is_answered(
    way: str, start: Callable[..., Peer], tmp_path: Path
) -> None:
    peer = start(way, tmp_path / "mark", seconds=1.5 if way in TIME_OUT else 60)
    begun = time.monotonic()
    with pytest.raises(PeerError, match=None) as raised:
        ask(peer)
    assert WAYS[way] in str(raised.value)
    assert isinstance(raised.value, PeerTimeoutError) == (way in TIME_OUT)
    assert time.monotonic() - begun < 60
    peer._seconds = 60
    np.testing.assert_array_equal(ask(peer), SOUND * np.float32(0.5))


@pytest.mark.slow
def test_an_answer_to_what_was_not_asked_yet_is_none(start: Callable[..., Peer]) -> None:
    peer = start("answers_ahead")
    ask(peer)
    with pytest.raises(PeerError, match="more than"):
        ask(peer)


@pytest.mark.slow
def test_a_peers_own_error_does_not_end_it(start: Callable[..., Peer]) -> None:
    peer = start("says_no")
    process = peer._process
    with pytest.raises(PeerError, match="out of memory"):
        ask(peer)
    np.testing.assert_array_equal(ask(peer), SOUND * np.float32(0.5))
    assert peer._process is process


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "kind"),
    [("dies_at_once", PeerError), ("no_hello", PeerError), ("never_says_hello", PeerTimeoutError)],
)
def test_a_peer_that_does_not_start_is_told(
    way: str, kind: type[PeerError], start: Callable[..., Peer]
) -> None:
    with pytest.raises(kind):
        start(way, start_seconds=1.5 if kind is PeerTimeoutError else 60)


def test_a_command_that_is_none_is_told() -> None:
    for command in ("", "'unclosed", "/no/such/program"):
        with pytest.raises(PeerError):
            Peer(command, seconds=1, start_seconds=1)
