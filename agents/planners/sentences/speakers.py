"""Noun phrases for a speaker, told by any of the speaking styles."""

from __future__ import annotations

from agents.planners.sentences import styles, words
from lcr.prompts.generator.phrases import Dice

_WRAPS = words.options(
    "the voice of {x}, the speech of {x}, the audio of {x}, the sound of {x}, "
    "the part where {x} speaks, the words of {x}, the sound from {x}, any {y}"
)
_SPEAKING = ("speaking", "talking", "who is talking", "who is speaking", "that speaks", "heard")

_LEVELS = frozenset(level for style in styles.STYLES.values() for level in style.levels)


def speaker_phrase(attributes: tuple[tuple[str, str], ...], dice: Dice) -> str:
    """Words that state exactly these style values, with an article."""
    gender = dict(attributes).get("gender", "")
    as_voice = dice.chance(0.25)
    noun = dice.pick((styles.VOICES if as_voice else styles.PERSONS)[gender])
    before: list[str] = []
    behind: list[str] = []
    having: list[str] = []
    for pair in dice.shuffled(pair for pair in attributes if pair[0] != "gender"):
        style = styles.STYLES[pair]
        draw = dice.pick((0, 0, 1, 1, 1, 2))
        if draw == 0 and style.adjectives and len(before) < 2:
            before.append(dice.pick(style.adjectives))
        elif draw == 2 and style.doing and not behind and not as_voice:
            behind.append(dice.pick(style.doing))
        else:
            having.append(_measure(style, dice))
    if as_voice:
        having = [h for h in having if "voice" not in h] + [
            h.replace("voice", "pitch" if "voice pitch" not in h else "")
            for h in having
            if "voice" in h
        ]
    text = " ".join([*before, noun])
    # Only a level of one word can follow its noun so: not "taken aback".
    if having and dice.chance(0.12) and _level(having[-1]) in _LEVELS:
        first = having.pop()
        text += f" whose {_bare_noun(first)} is {_level(first)}"
    if having:
        text += f" {dice.pick(styles.LINKS)} {' and '.join(having)}"
    if behind:
        text += f" {behind[0]}" if not having else f", {behind[0]}"
    if text == noun and not as_voice:
        if dice.chance(0.2):
            text += f" {dice.pick(_SPEAKING)}"
        elif dice.chance(0.25):
            return f"the {text}'s {dice.pick(('voice', 'speech', 'talking', 'voice', 'vocals'))}"
    if not as_voice and dice.chance(0.12):
        return dice.pick(_WRAPS).format(x=f"the {text}", y=text)
    return f"the {text}"


def _measure(style: styles.Style, dice: Dice) -> str:
    """ "a slow pace" """
    level, noun = dice.pick(style.levels), dice.pick(style.nouns)
    if style.mass or dice.chance(0.15):
        return f"{level} {noun}"
    return f"{'an' if level[0] in 'aeiou' and level != 'usual' else 'a'} {level} {noun}"


def _level(measure: str) -> str:
    bare = measure.removeprefix("a ").removeprefix("an ")
    return bare.split(" ")[0]


def _bare_noun(measure: str) -> str:
    bare = measure.removeprefix("a ").removeprefix("an ")
    return " ".join(bare.split(" ")[1:])
