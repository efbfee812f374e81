"""English for actions and requests: verbs, states, frames and joins."""

from __future__ import annotations

from functools import lru_cache


@lru_cache
def options(text: str, separator: str = ", ") -> tuple[str, ...]:
    """A list written as one text."""
    return tuple(part for part in text.split(separator) if part)


VERBS = {
    "0": "remove, remove, delete, eliminate, erase, get rid of, mute, silence, take out, cut, "
    "drop, cut out, take away, filter out, strip, strip out, discard, exclude, kill, wipe out, "
    "edit out, clear, leave out, eradicate, lose, suppress, do away with, throw out, cancel, "
    "dispose of, block out, switch off, turn off, purge, weed out, clean out, banish",
    "1": "keep, keep, retain, preserve, leave in, maintain, hold on to, save, leave, spare",
    "same": "leave {x} as it is, keep {x} unchanged, leave {x} alone, do not touch {x}, "
    "leave {x} untouched, keep {x} the same, don't change {x}, keep {x} at its current volume, "
    "let {x} stay as is, leave {x} intact, maintain {x} as it is",
    "isolate": "isolate, isolate, extract, extract, separate, separate out, single out, pull out, "
    "pick out, split out, filter for, draw out, tease out, detach, get, lift out, segregate, "
    "fish out, set apart, distill, take out only, capture only, split off, obtain, retrieve",
    "only": "keep only, keep just, leave only, leave just, retain only, preserve only, save only, "
    "give me only, give me just, play only, let me hear only, keep nothing but, leave nothing but, "
    "output only, play me just, return only, solo",
}
UP = (
    "increase, raise, boost, turn up, amplify, crank up, bring up, enhance, lift, elevate, "
    "strengthen, intensify, pump up, bump up, push up, heighten, magnify, augment, double, "
    "ramp up, jack up, step up, scale up, maximize, amp up, dial up, beef up"
)
DOWN = (
    "decrease, reduce, lower, turn down, bring down, diminish, lessen, cut back, drop, dial down, "
    "soften, weaken, attenuate, tone down, cut down, push down, take down, halve, minimize, "
    "dampen, scale down, dial back, ease, tone back, ramp down, knock down"
)
WHOLE_UP = (
    "make {x} louder, give {x} more volume, add volume to {x}, make {x} more audible, "
    "bring {x} forward, make {x} stand out, make {x} more prominent, turn {x} up, "
    "have {x} louder, make {x} twice as loud, make {x} a bit louder, crank {x} up, "
    "adjust {x} to be louder, adjust the level of {x} upwards, set the volume of {x} higher, "
    "set {x} higher, make {x} come through more strongly, give {x} a boost, let {x} be louder, "
    "make {x} stronger, bring {x} up in the mix"
)
WHOLE_DOWN = (
    "make {x} quieter, make {x} softer, give {x} less volume, make {x} less loud, "
    "turn {x} down, push {x} back, make {x} less prominent, quiet down {x}, hush {x}, "
    "quieten {x}, make {x} half as loud, make {x} less noticeable, tone {x} down, "
    "adjust {x} to be quieter, adjust the level of {x} downwards, set the volume of {x} lower, "
    "set {x} lower, have {x} quieter, keep {x} low, muffle {x}, let {x} be softer, "
    "bring {x} down in the mix, make {x} a little quieter, quiet {x}"
)
LEVELS = (
    "the volume of {x}, the level of {x}, the loudness of {x}, the sound level of {x}, "
    "the sound of {x}, the audio of {x}, the audio level of {x}, the intensity of {x}, "
    "the gain of {x}, the output of {x}, the amplitude of {x}, {x}'s volume, {x}, {x}, "
    "the volume level of {x}, the strength of {x}, the volume for {x}, the audio from {x}"
)
STATES = {
    "U": "louder, turned up, boosted, more prominent, raised in volume, amplified, higher, "
    "increased, more audible, twice as loud, stronger",
    "D": "quieter, softer, turned down, reduced, lowered, less loud, less prominent, half as loud, "
    "decreased in volume, toned down, weaker",
    "0": "removed, gone, muted, deleted, taken out, silenced, eliminated, erased, cut, "
    "filtered out",
    "1": "kept, retained, left in, preserved",
    "isolate": "isolated, extracted, separated, singled out, separated from the rest",
}
STATE_FRAMES = (
    "{x} should be {s}, {x} should be {s}, {x} needs to be {s}, I want {x} {s}, "
    "I'd like {x} to be {s}, I need {x} {s}, can {x} be {s}, could {x} be {s}, "
    "please have {x} {s}, make sure {x} is {s}, ensure that {x} is {s}, "
    "{x} must be {s}, I would prefer {x} {s}, let {x} be {s}, see that {x} gets {s}"
)
ONLY_FRAMES = (
    "I only want to hear {x}|nothing but {x}, please|just {x}|I want to listen to {x} alone|"
    "I'm only interested in {x}|only {x} should remain|let's hear {x} by itself|"
    "I need only {x} from this recording|all I need is {x}|what I want is just {x}|"
    "can I have {x} on its own?|everything besides {x} can go|get me {x} without the rest|"
    "I need {x} separated from the rest|let me have {x} and nothing else|get me just {x}"
)
NO_FRAMES = (
    "I don't want to hear {x}|there should be no trace of {x}|can we do without {x}?|"
    "I'd like the recording without {x}|no more of {x}, please|{x} has to go|"
    "{x} is annoying, take it out|I can't stand {x}, remove it|the mix minus {x}|"
    "let me hear everything except {x}|give me everything but {x}|keep all but {x}|"
    "play it without {x}|I could do without {x}|stop {x} from being heard"
)
LOUD_FRAMES = (
    "{x} is too loud|{x} is drowning out the others|I find {x} too loud|"
    "{x} is a bit too loud, lower it|less of {x}, please|a bit less {x}"
)
SOFT_FRAMES = (
    "{x} is too quiet|I can barely hear {x}|I can hardly hear {x}, bring it up|"
    "more of {x}, please|{x} is too soft, raise it|I want to hear {x} better"
)
FRAMES = (
    "{v}|{v}|{v}|please {v}|please {v}|can you {v}?|can you {v}?|can you please {v}?|"
    "could you {v}?|could you {v}?|could you please {v}?|would you {v}?|I want you to {v}|"
    "I need you to {v}|I'd like to {v}|kindly {v}|let's {v}|is it possible to {v}?|hey, {v}|"
    "would it be possible to {v}?|make sure to {v}|be sure to {v}|try to {v}|go ahead and {v}|"
    "help me {v}|can you help me {v}?|your task is to {v}|we should {v}|I wish to {v}|"
    "is there a way to {v}?|may I ask you to {v}?|do me a favour and {v}|ensure to {v}|"
    "I was wondering if you could {v}|remember to {v}|in this recording, {v}|now {v}|okay, {v}|"
    "from the audio, {v}|for this clip, {v}|what I need is to {v}|please make sure to {v}|"
    "would you be able to {v}?|will you please {v}?|don't forget to {v}|you should {v}"
)
GERUND_FRAMES = (
    "would you mind {v}?|how about {v}?|what about {v}?|try {v}|I suggest {v}|"
    "could you start by {v}?|do you mind {v}?|consider {v}|please begin by {v}"
)
JOINS = (
    " and | and |, and |, |, then | and then |, while also |; | but |, and also |, as well as |"
    " and also |, plus "
)
NEXT = (
    "also, |then |additionally, |furthermore, |besides, |next, |after that, |moreover, |"
    "in addition, |and |please |please also |also, could you |on top of that, |finally, |"
    "at the same time, |meanwhile, |can you also "
)
TAILS = " in the recording| in the mix| in the audio| in this clip"
FROM_TAILS = " from the recording| from the mix| from this audio| from the clip"
ISOLATE_TAILS = FROM_TAILS + "| from the rest| from everything else| from other sounds"
CLOSERS = (
    ", please|, please|, if possible|, thanks| for me|, if you can| now|, okay|, would you|"
    ", if you don't mind"
)
ASIDES = (
    "Thanks a lot!|It is for my podcast.|Please check the outcome.|That would help.|"
    "I have to present it tomorrow.|Take your time.|Be careful with it.|Thank you.|"
    "Make sure that you got this right.|I hope that is clear.|Do it accurately, please."
)
