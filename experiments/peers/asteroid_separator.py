"""A peer that separates with a model of asteroid's: `python asteroid_separator.py CHECKPOINT`.

It runs in an environment of its own, which needs asteroid and soundfile and nothing of lcr; the
protocol is in docs/peers.md. The checkpoint is what `model.serialize()` gives, saved by torch.
"""

import base64
import hashlib
import io
import json
import os
import sys
from importlib.metadata import version


def main(checkpoint):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    import soundfile
    import torch
    from asteroid.models import BaseModel

    # asteroid writes torch's version into its checkpoints, as an object.
    torch.serialization.add_safe_globals([torch.torch_version.TorchVersion])
    model = BaseModel.from_pretrained(checkpoint).eval()
    with open(checkpoint, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    name = type(model).__name__
    say(
        out,
        {
            "lcr_peer": 1,
            "name": f"asteroid-{name.lower()}",
            "role": "separate",
            "sources": model.masker.n_src,
            "sample_rate": int(model.sample_rate),
            "versions": {"asteroid": version("asteroid"), "torch": version("torch")},
            "weights": {os.path.basename(checkpoint): digest},
            "reference": "Pariente et al., Asteroid, Interspeech 2020",
            "licence": "MIT; the checkpoint's own",
        },
    )
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            wav, rate = soundfile.read(
                io.BytesIO(base64.b64decode(asked["wav"])), dtype="float32", always_2d=True
            )
            with torch.inference_mode():  # forward, and not separate(), which rescales
                sources = model(torch.from_numpy(wav.T))[0]
            buffer = io.BytesIO()
            soundfile.write(buffer, sources.numpy().T, rate, format="WAV", subtype="FLOAT")
            answer = {"wav": base64.b64encode(buffer.getvalue()).decode()}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        say(out, {"id": asked["id"], **answer})


def say(out, message):
    out.write(json.dumps(message) + "\n")
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1])
