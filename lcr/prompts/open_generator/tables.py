"""Words for voices, groups and what stands around names of sounds."""

from __future__ import annotations

from lcr.prompts import lexicon as words
from lcr.prompts.open_generator.frames import bars, commas

NO_SOUNDS = frozenset(
    {"talking", "voice", "woman talking", "background noise", "noise", "voices in the background"}
)
"""Rows whose words are those of voices and groups."""
ADJECTIVES = commas(
    "loud, annoying, distant, faint, constant, awful, lovely, quiet, horrible, barking mad, big, "
    "little, old, noisy, endless, harsh, soft, gentle, sudden, stupid, damn, bloody, beautiful, "
    "nearby, high-pitched, low, deep, rhythmic, muffled, repetitive, squeaky, rusty, steady"
)
OWNERS = commas(
    "neighbour's, neighbours', dog's, his, her, their, my, our, somebody's, my brother's, next "
    "door's, grandma's, kid's, city's, neighbor's"
)
PLACES = commas(
    "outside, in the background, next door, in the distance, upstairs, behind her, behind him, "
    "in the corner, down the street, at the start, far away, out there, on the left, near the mic"
)
WRAPS = commas(
    "sound of the {x}, noise of the {x}, sound of a {x}, {x} sound, {x} noise, {x} sounds, "
    "{x} noises, sounds of {x}, noise from the {x}, sound of someone {x}, {x} in the back, "
    "sound made by the {x}, noise produced by the {x}, audio of the {x}, {x} being played, "
    "sound coming from the {x}, {x} in action, {x} track, noise of someone {x}"
)
KIND_WRAPS = commas("{x}, {x}, {x}, {x} sounds, {x} noises, various {x}, sounds of {x}")
ARTICLES = ("the ",) * 14 + ("that ", "this ", "all the ", "any ", "some ", "those ", "", "")
PEOPLE: tuple[tuple[str, str], ...] = (
    *(
        (w, "F")
        for w in bars(
            "her|woman|lady|women|ladies|both women|girls|two women|girl|mum|mom|mother|grandma|grandmother|sister|aunt|wife|"
            "daughter|actress|hostess|female narrator|my wife|my mother|her voice|the queen|"
            "the waitress|Anna|Maria|Sarah's voice|female one|businesswoman|saleswoman"
        )
    ),
    *(
        (w, "M")
        for w in bars(
            "him|man|guy|men|guys|both men|boys|two men|boy|dad|father|grandpa|grandfather|brother|uncle|husband|son|"
            "actor|his voice|male narrator|my husband|my father|the king|the waiter|John|Peter|"
            "Tom's voice|male one|businessman|old fellow|dude|bloke|lad|chap|gent"
        )
    ),
    *(
        (w, "")
        for w in bars(
            "speaker|narrator|presenter|host|interviewer|interviewee|teacher|guest|reporter|"
            "voice|kid|child|student|customer|caller|professor|doctor|commentator|announcer|"
            "lecturer|moderator|person|person talking|someone talking|reader|boss|the judge|"
            "politician|coach|pilot|guide|priest|patient|witness|voice-over|voiceover|"
            "one talking|newsreader|podcast host"
        )
    ),
)
RELATIONS = bars(
    "first {x}|second {x}|third {x}|last {x}|other {x}|louder {x}|quieter {x}|loudest {x}|"
    "higher {x}|lower {x}|deeper {x}|higher-pitched {x}|faster {x}|slower {x}|older {x}|younger {x}|"
    "{x} on the left|{x} on the right|{x} who speaks first|{x} who speaks last|{x} to speak first|"
    "{x} who talks louder|{x} who talks more|{x} that comes in second|{x} who answers|closer {x}|"
    "{x} closest to the microphone|{x} with the higher voice|{x} with the deeper voice|"
    "deeper of the two {x}s|louder of the two {x}s|first one to speak|last one to speak|"
    "louder one of the two|higher one|deeper one|louder one|second one to talk|first to speak|"
    "second to talk|main {x}|{x} further away"
)
"""What tells one voice from the others; {x} is one of BASES."""
NO_ARTICLE = frozenset(
    bars(
        "her|him|both men|both women|his voice|her voice|my wife|my mother|my husband|my father|the queen|the waitress|"
        "the king|the waiter|the judge|Anna|Maria|Sarah's voice|John|Peter|Tom's voice|mum|mom|dad|"
        "grandma|grandpa|someone talking"
    )
)
STYLED: tuple[tuple[str, dict[str, str]], ...] = tuple(
    (adjective, {name: value})
    for name, value, said in (
        ("energy", "high", "excited|shouting|yelling|enthusiastic|hyper|loud-mouthed|energetic|"
         "agitated|bubbly|full of energy"),
        ("energy", "low", "calm|whispering|mumbling|sleepy|tired|relaxed|soft-spoken|bored|quiet|"
         "laid-back|weary"),
        ("tempo", "high", "fast-talking|fast|quick|rapid-fire|hurried|hasty"),
        ("tempo", "low", "slow|slow-spoken|drawling|slow-talking|unhurried"),
        ("pitch", "high", "squeaky|high-pitched|shrill|high-voiced|soprano"),
        ("pitch", "low", "deep-voiced|deep|low-pitched|gravelly|baritone|bass"),
        ("emotion", "angry", "angry|furious|mad|grumpy|cross|irritated|raging"),
        ("emotion", "sad", "sad|crying|unhappy|sobbing|miserable|gloomy|heartbroken"),
        ("emotion", "happy", "happy|cheerful|laughing|joyful|merry|delighted"),
        ("emotion", "surprised", "surprised|astonished|amazed|startled"),
        ("emotion", "fear", "scared|frightened|afraid|terrified|nervous|anxious"),
        ("emotion", "disgusted", "disgusted|revolted|grossed-out"),
        ("emotion", "contempt", "contemptuous|sneering|scornful|mocking"),
        ("emotion", "neutral", "neutral|emotionless|monotone|deadpan"),
    )
    for adjective in said.split("|")
)  # fmt: skip
BASES = (("man", "M"), ("woman", "F"), ("guy", "M"), ("lady", "F"), ("speaker", ""), ("voice", ""),
          ("person", ""), ("girl", "F"), ("boy", "M"), ("male voice", "M"), ("female voice", "F"),
          ("gentleman", "M"), ("narrator", ""), ("presenter", ""))  # fmt: skip
ALL_SPEECH = bars(
    "voices|all voices|both voices|the two voices|speech|all speech|the speech|talking|"
    "all the talking|people talking|the people|everyone talking|everybody talking|dialogue|"
    "the conversation|the chat|the chatting|speakers|both speakers|all speakers|the two speakers|"
    "both of them|the talk|everyone speaking|whoever is talking|all the people|the men and women|"
    "spoken words|human speech|anyone speaking|the interview|the discussion|both people|"
    "every speaker|every voice|everyone|everybody|all the voices|all three voices|"
    "all human voices|the narration|speaking parts|the speaking"
)
ALL_SOUNDS = bars(
    "background noise|the background noise|background sounds|all background sounds|the background|"
    "all the background|ambient noise|the ambience|noise|the noise|all the noise|noises|"
    "the racket in the background|everything that isn't speech|everything that is not a voice|"
    "all non-speech sounds|non-speech|the non-speech|whatever isn't talking|"
    "everything but the speech|surrounding noise|environmental sounds|the environment|"
    "every sound that isn't a voice|all that noise|all the sounds behind the voices|"
    "everything behind the speakers|the atmosphere|background racket|the din|the clutter|"
    "all the other noise|sounds around the speakers|noise around them|the backdrop"
)
EVERYTHING = (
    *words.EVERYTHING,
    *words.OVERALL_VOLUME,
    *bars(
        "it all|all of this|the lot|all|every single sound|the recording|the audio|the track|the "
        "file|the clip|it|this|everything in here|anything|every last sound|all that you hear|"
        "the song|the whole song|the sound"
    ),
)
EVERYTHING_BUT = bars(
    "everything|everything|everything|all|all sounds|every sound|all the sounds|anything|"
    "the whole thing|it all|every other sound|all the rest|all else|all noises|every source|"
    "the whole mix|the entire recording|everyone and everything"
)
ELSE = (
    *words.EVERYTHING_ELSE,
    *bars(
        "everybody else|everyone else|all else|anything else|all others|the others|whatever else "
        "is in there|every other sound|what remains|the remainder|all the others|everything other "
        "than that|the other stuff|other things|the rest of it"
    ),
)
