"""A peer for tests: `python misbehaving_peer.py WAY [FILE]`, in any Python with numpy. WAY "well"
halves the sound; the others misbehave on the first request, and in a process started anew, which
FILE tells, are well."""

import base64
import json
import os
import struct
import subprocess
import sys
import time

WAY, MARK = sys.argv[1], (sys.argv[2:] or [""])[0]


def say(value):
    sys.stdout.write((value if isinstance(value, str) else json.dumps(value)) + "\n")
    sys.stdout.flush()


def scaled(wav, gain):
    """The same WAV file with its 32-bit float samples times `gain`."""
    at = wav.index(b"data") + 8
    count = (len(wav) - at) // 4
    samples = struct.unpack(f"<{count}f", wav[at : at + 4 * count])
    return wav[:at] + struct.pack(f"<{count}f", *(gain * s for s in samples))


def answer(asked, gain=0.5):
    wav = scaled(base64.b64decode(asked["wav"]), gain)
    return {"id": asked["id"], "wav": base64.b64encode(wav).decode()}


def misbehave(asked):
    good = answer(asked)
    wav = base64.b64decode(good["wav"])
    if WAY == "crashes":
        sys.stderr.write("Segmentation fault, so to speak\n")
        os._exit(3)
    elif WAY == "is_killed":
        os.kill(os.getpid(), 9)
    elif WAY == "hangs":
        time.sleep(600)
    elif WAY == "late":
        time.sleep(3)
        say(good)
    elif WAY == "closes_its_output":
        os.close(1)
        time.sleep(600)
    elif WAY == "leaves_a_child_behind":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        os._exit(0)
    elif WAY == "half_a_line":
        sys.stdout.write(json.dumps(good)[:100])
        sys.stdout.flush()
        os._exit(0)
    elif WAY == "garbage":
        say("\x00\xff not JSON")
    elif WAY == "prints":
        say("Loading checkpoint shards: 100%")
        say(good)
    elif WAY == "no_wav":
        say({"id": asked["id"]})
    elif WAY == "wrong_id":
        say({**good, "id": asked["id"] + 7})
    elif WAY == "unknown_field":
        say({**good, "confidence": 0.5})
    elif WAY == "no_base64":
        say({**good, "wav": "§§§"})
    elif WAY == "no_wav_file":
        say({**good, "wav": base64.b64encode(b"RIFF nonsense").decode()})
    elif WAY == "too_short":
        at = wav.index(b"data")
        short = wav[:at] + b"data" + struct.pack("<I", 400) + wav[at + 8 : at + 408]
        say({**good, "wav": base64.b64encode(short).decode()})
    elif WAY == "nan":
        say(answer(asked, float("nan")))
    elif WAY == "wrong_rate":
        at = wav.index(b"fmt ") + 12
        rate = struct.unpack("<I", wav[at : at + 4])[0] // 2
        say(
            {
                **good,
                "wav": base64.b64encode(
                    wav[:at] + struct.pack("<I", rate) + wav[at + 4 :]
                ).decode(),
            }
        )
    elif WAY == "answers_ahead":
        ahead = {**answer(asked, 0.0), "id": asked["id"] + 1}
        say(json.dumps(good) + "\n" + json.dumps(ahead))
    elif WAY == "says_no":
        say({"id": asked["id"], "error": "out of memory"})
    else:
        raise SystemExit(f"no way {WAY}")


if WAY == "dies_at_once":
    sys.stderr.write("No module named 'peer'\n")
    sys.exit(1)
if WAY == "no_hello":
    say({"hello": "world"})
if WAY == "never_says_hello":
    time.sleep(600)
say({"lcr_peer": 1, "name": "test peer", "role": "remix", "versions": {"peer": "1.0"}})
fresh = not (MARK and os.path.exists(MARK))
for line in sys.stdin:
    asked = json.loads(line)
    if WAY != "well" and fresh:
        fresh = False
        if MARK:
            open(MARK, "w").close()
        misbehave(asked)
    else:
        say(answer(asked))
