"""Words for the class labels of non-speech sources: paraphrases that name one class only.

Every paraphrase is a noun phrase without its article. A trailing "+" says that "sound" or
"noise" may follow it ("the rain sound"). A word that fits several classes ("bell", "engine",
"beeping") never stands alone.
"""

from __future__ import annotations

import re
from functools import lru_cache

PARAPHRASES: dict[str, tuple[str, ...]] = {
    # animals
    "dog barking": (
        "barking dog",
        "dog bark+",
        "dog's barking",
        "barking",
        "sound of a dog barking",
    ),
    "cat meowing": ("meowing cat", "cat", "cat's meowing", "meowing+", "cat meow+"),
    "rooster crowing": ("rooster+", "crowing rooster", "rooster's crow", "cock-a-doodle-doo"),
    "cow mooing": ("mooing cow", "cow", "cow's mooing", "moo of the cow", "mooing+"),
    "sheep bleating": ("bleating sheep", "sheep", "sheep's bleating", "bleating", "baaing sheep"),
    "duck quacking": ("quacking duck", "duck", "duck's quacking", "quacking+", "quacks"),
    "crow cawing": ("cawing crow", "crow", "crow's cawing", "cawing+"),
    "songbird chirping": ("songbird", "chirping songbird", "birdsong", "singing bird", "bird song"),
    "frog croaking": ("croaking frog", "frog", "frog's croaking", "croaking+", "ribbiting frog"),
    "crickets chirping": ("crickets", "chirping crickets", "chirp of the crickets", "cricket+"),
    "bee buzzing": ("buzzing bee", "bee+", "bee's buzzing", "buzz of the bee", "buzzing insect"),
    "horse galloping": ("galloping horse", "horse", "hoofbeats", "horse's hooves", "galloping+"),
    "owl hooting": ("hooting owl", "owl", "owl's hooting", "owl hoots", "hooting+"),
    "pig grunting": ("grunting pig", "pig", "pig's grunting", "oinking pig", "grunting+"),
    # people
    "baby crying": (
        "crying baby",
        "baby's crying",
        "wailing infant",
        "infant crying",
        "baby's cries",
    ),
    "person sneezing": ("sneezing+", "sneezes", "sneeze+", "sound of someone sneezing"),
    "person snoring": ("snoring+", "snores", "snorer", "sound of someone snoring"),
    "person whistling": (
        "whistled tune",
        "sound of someone whistling",
        "person's whistling",
        "whistler",
    ),
    "footsteps": ("footsteps", "footstep+", "walking+", "steps on the floor", "sound of footfalls"),
    "hands clapping": ("clapping+", "clapping hands", "applause", "hand claps", "handclaps"),
    "crowd cheering": ("cheering crowd", "cheering+", "crowd's cheers", "cheers of the crowd"),
    "crowd chattering": (
        "crowd chatter",
        "chattering crowd",
        "babble of the crowd",
        "crowd babble+",
    ),
    "person coughing": ("coughing+", "coughs", "cough+", "sound of someone coughing"),
    # vehicles
    "helicopter": ("helicopter+", "chopper+", "helicopter's rotor", "whirring helicopter"),
    "car engine idling": ("idling car", "idling car engine", "car engine+", "car's idling engine"),
    "motorcycle revving": (
        "motorcycle+",
        "motorbike+",
        "revving motorcycle",
        "motorcycle engine",
        "motorbike's revving",
    ),
    "train passing": ("train+", "passing train", "train going by", "train rolling past"),
    "airplane flying over": (
        "airplane+",
        "plane overhead",
        "airplane overhead",
        "passing airplane",
    ),
    "race car passing": ("race car+", "racing car", "speeding race car", "race car driving by"),
    "boat motor running": ("motorboat+", "boat motor+", "boat engine+", "outboard motor"),
    "bicycle bell ringing": (
        "bicycle bell+",
        "bike bell+",
        "ringing bicycle bell",
        "cyclist's bell",
    ),
    # weather
    "rain": ("rain+", "rainfall", "falling rain", "raindrops", "pouring rain", "rain shower"),
    "sea waves": ("ocean waves", "waves", "sea", "crashing waves", "surf+", "waves on the shore"),
    "wind howling": ("wind+", "howling wind", "howl of the wind", "blowing wind", "gusts of wind"),
    "thunder": ("thunder+", "thunderstorm", "rolling thunder", "thunderclaps", "rumble of thunder"),
    "fire crackling": ("fire", "crackling fire", "campfire", "crackle of the fire", "burning fire"),
    "stream flowing": ("stream", "flowing stream", "brook", "babbling brook", "creek"),
    "water dripping": (
        "dripping water",
        "water drops",
        "drip of water",
        "water drip+",
        "leaky tap",
    ),
    "hail falling": ("hail+", "hailstones", "falling hail", "hailstorm", "pounding hail"),
    # alarms
    "police siren": ("siren+", "police siren+", "police car's siren", "wailing siren", "cop siren"),
    "smoke alarm beeping": (
        "smoke alarm+",
        "smoke detector+",
        "fire alarm beeps",
        "beeping smoke alarm",
    ),
    "car horn honking": (
        "car horn+",
        "honking car",
        "honking+",
        "honk of the car",
        "honking car horn",
    ),
    "church bell ringing": ("church bell+", "church bells", "tolling bell", "ringing church bell"),
    "telephone ringing": (
        "phone+",
        "ringing phone",
        "telephone+",
        "phone ring+",
        "ringing telephone",
    ),
    "truck reversing beeps": (
        "reversing truck",
        "truck's reversing beeps",
        "backup beeper",
        "beeping truck",
    ),
    "foghorn": ("foghorn+", "fog horn", "ship's foghorn", "blast of the foghorn"),
    "doorbell ringing": ("doorbell+", "door chime", "ringing doorbell", "ring of the doorbell"),
    # tools
    "chainsaw": ("chainsaw+", "chain saw", "buzzing chainsaw", "roaring chainsaw", "power saw"),
    "electric drill": (
        "electric drill+",
        "power drill+",
        "drilling+",
        "whine of the electric drill",
    ),
    "hammering": ("hammer+", "hammering+", "hammer blows", "hammer strikes", "pounding hammer"),
    "hand saw": ("hand saw+", "handsaw", "manual sawing", "hand sawing", "person sawing by hand"),
    "jackhammer": ("jackhammer+", "pneumatic drill", "pounding jackhammer", "road breaker"),
    "sandpaper rubbing": ("sandpaper+", "sanding+", "rubbing sandpaper", "scrape of sandpaper"),
    "lathe spinning": ("lathe+", "spinning lathe", "turning lathe", "whir of the lathe"),
    # instruments: `instrument_names` adds "piano music", "piano being played", ...
    "playing piano": ("pianist", "piano keys"),
    "playing acoustic guitar": ("acoustic strumming", "strummed acoustic guitar"),
    "playing flute": ("flutist", "fluting"),
    "playing violin": ("fiddle", "violinist"),
    "playing trumpet": ("trumpeter", "trumpet solo"),
    "playing drum kit": ("drums", "drumming", "drum set", "drummer", "drumbeat"),
    "playing marimba": ("wooden marimba bars", "marimba tones"),
    "playing organ": ("pipe organ", "organist", "organ chords"),
    "playing bass guitar": ("bassline", "electric bass", "bassist", "bass line"),
    "playing synthesizer": ("synth", "synth sound", "synth line", "electronic synth"),
    "playing harmonica": ("mouth organ", "blues harp", "harmonica tune"),
    "playing harp": ("harpist", "plucked harp", "harp strings"),
    # household
    "clock ticking": ("clock+", "ticking clock", "ticking+", "clock's ticking", "tick-tock"),
    "vacuum cleaner": (
        "vacuum cleaner+",
        "vacuum+",
        "hoover+",
        "vacuuming+",
        "vacuum cleaner's hum",
    ),
    "typing on keyboard": ("typing+", "keyboard typing", "computer keyboard", "keystrokes"),
    "knocking on door": ("knocking+", "knock on the door", "knocks at the door", "door knocking+"),
    "toilet flushing": ("toilet+", "flushing toilet", "toilet flush+", "flush of the toilet"),
    "kettle whistling": ("kettle+", "whistling kettle", "tea kettle", "boiling kettle"),
    "microwave beeping": ("microwave+", "microwave beeps", "beeping microwave", "microwave oven"),
    "washing machine": ("washing machine+", "washer", "laundry machine", "running washing machine"),
    "glass breaking": ("breaking glass", "shattering glass", "glass shattering", "smashed glass"),
    "hair dryer": ("hair dryer+", "blow dryer+", "hairdryer", "hair drying machine"),
    "scissors cutting": ("scissors", "snipping+", "cutting scissors", "snip of the scissors"),
    # electronics
    "radio static": ("static+", "radio static", "radio hiss", "static hiss", "untuned radio"),
    "modem dialling": ("modem+", "dial-up+", "dial-up modem", "dialing modem"),
    "video game sounds": ("video game+", "game sounds", "arcade game", "video game effects"),
}
"""Label of `lcr.data.studio.classes.LABELS` -> paraphrases, none shared by two labels."""

_PLAYING = "playing "


def instrument_names(label: str) -> tuple[str, ...]:
    """Names of "playing X", also for instruments this file does not list."""
    name = label[len(_PLAYING) :]
    return (
        name,
        f"{name}+",
        f"{name} music",
        f"{name} playing",
        f"{name} being played",
        f"{name} part",
        f"playing of the {name}",
        f"{name} performance",
    )


@lru_cache(maxsize=4096)
def names_of(label: str) -> tuple[str, ...]:
    """Every way to name the class after "the"; for an unlisted label, forms of the label itself."""
    listed = PARAPHRASES.get(label, ())
    if label.startswith(_PLAYING):
        names = instrument_names(label) + listed
    elif listed:
        names = (label, *listed)
    else:
        names = (label, f"{label}+", f"sound of {label}")
    wrapped: list[str] = []
    for name in names:
        bare = name.rstrip("+")
        wrapped.append(bare)
        if name.endswith("+"):
            wrapped += [f"{bare} sound", f"{bare} noise"]
    return tuple(dict.fromkeys(wrapped))


def takes_sound_of(name: str) -> bool:
    """Whether "the sound of the NAME" reads well."""
    return not re.search(r"sound|noise|music|part|perform|playing| of |tune|solo|^someone", name)
