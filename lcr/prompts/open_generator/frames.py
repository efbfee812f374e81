"""Frames of prompts, one a line: what happens to the rest, a bar, and English with slots.

A slot {ab} is some things under an action: a is r(emove), k(eep), u(p), d(own) or o (said, but
taken back: nothing happens to it). b, where there is one, says which: v a voice, s sounds,
p a pronoun or person, S all speech, N all sounds, E everything, L everything else, K a broad kind,
M a member of the kind named before, b without an article. {%u} and {%d} are amounts, {odd} asks for
what is no matter of levels, {name} and {thing} are just words.
"""

from __future__ import annotations

from functools import lru_cache


def commas(text: str) -> tuple[str, ...]:
    """A list written as one text."""
    return tuple(text.split(", "))


def bars(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


WISHES = """
stays|I can't hear {kp} over {ds}
stays|I can hardly hear {kp} over {ds}
stays|I can barely make out {kp} because of {ds}
stays|it is hard to hear {kp} with {ds} going on
stays|{ds} drowns out {kp}
stays|{ds} is drowning out {kp}
stays|{kp} is drowned out by {ds}
stays|{kp} gets lost in {ds}
stays|{kp} gets buried under {ds}
stays|{ds} makes it hard to follow {kp}
stays|{ds} covers {kp} completely
stays|{ds} keeps masking {kp}
stays|I want to hear {kp} without {rs} getting in the way
stays|nobody can understand {kp} because of {ds}
stays|{d} is too loud
stays|{d} is way too loud
stays|{d} is much too loud
stays|{d} is a bit too loud
stays|{d} is a little loud for my taste
stays|{d} sounds too loud to me
stays|{d} hurts my ears
stays|{d} should be less loud
stays|{d} should not be so loud
stays|does {d} have to be this loud?
stays|there's too much {db}
stays|there is way too much {db} in this
stays|too much {db}
stays|not so much {db}, please
stays|not so loud with {d}
stays|go easy on {d}
stays|I'd like to hear less of {d}
stays|less {db}
stays|less {db}, please
stays|a little less {db}
stays|a lot less {db}, please
stays|a touch less {db} would be nice
stays|quieter {db}
stays|quieter {db}, please
stays|softer {db} please
stays|{d} down, please
stays|{d} down {%d}
stays|{d} {%d} quieter
stays|{u} is too quiet
stays|{u} is too soft
stays|{u} is far too quiet
stays|{u} is too faint
stays|{u} is barely audible
stays|{u} is hard to hear
stays|{u} is lost in the mix
stays|I can't hear {u}
stays|I can't hear {u} very well
stays|I can barely hear {u}
stays|I can hardly hear {u}
stays|I want to hear {u} better
stays|I want to hear more of {u}
stays|I'd love to hear {u} better
stays|let me hear {u} better
stays|help me hear {u}
stays|{u} should be easier to hear
stays|can {u} be easier to hear?
stays|make {u} easier to hear
stays|make it easier to hear {u}
stays|{u} should stand out more
stays|{u} could do with a lift
stays|{u} deserves more volume
stays|more {ub}
stays|more {ub}, please
stays|a bit more {ub}
stays|a little more {ub} please
stays|a lot more {ub}
stays|louder {ub}
stays|louder {ub} please
stays|{u} up, please
stays|{u} up {%u}
stays|{u} {%u} louder
stays|bring out {u}
stays|bring {u} forward
stays|bring {u} to the front
stays|push {d} into the background
stays|move {d} to the background
stays|put {d} further back
stays|I don't want to hear {r}
stays|I don't want to hear {r} any more
stays|I don't want {r} in there
stays|I don't need {r}
stays|nobody wants to hear {r}
stays|nobody needs {r}
stays|I never want to hear {r} again
stays|{r} is driving me crazy, I don't want it
stays|{r} drives me mad, take it away
stays|{r} ruins the recording
stays|{r} spoils everything
stays|{r} is really annoying, get it out of there
stays|{r} has to go
stays|{r} needs to go
stays|{r} must go
stays|{r} can go
stays|{r} should not be there
stays|{r} shouldn't be in this
stays|{r} does not belong here
stays|{r} has no place in this recording
stays|I wish {r} was gone
stays|I wish {r} were not there
stays|if only {r} was not in it
stays|I could do without {r}
stays|I would rather not have {r}
stays|I'd be happier without {r}
stays|it would sound better without {r}
stays|can we do without {r}?
stays|is there any way to not hear {r}?
stays|please, no {rb}
stays|no {rb}
stays|no {rb}, please
stays|no more {rb}
stays|without {r}
stays|without {r} please
stays|the same without {r}
stays|the recording without {r}
stays|make it {rb}-free
stays|enough of {r}
stays|enough with {r} already
stays|stop {r}
stays|make {r} stop
stays|make {r} go away
stays|send {r} away
stays|away with {r}
stays|banish {r}
stays|bye bye {rb}
stays|{r} out
stays|{r} off, please
stays|shut {r} up
stays|shut {r} off
goes|I only want {k}
goes|I only want to hear {k}
goes|I just want to hear {k}
goes|I only care about {k}
goes|I'm only interested in {k}
goes|all I want to hear is {k}
goes|all I want is {k}
goes|all I need is {k}
goes|nothing but {k}
goes|nothing but {k}, please
goes|only {k}
goes|only {k}, please
goes|just {k}
goes|just {k}, nothing else
goes|{k} only
goes|{k} only, please
goes|{k} alone
goes|{k} by itself
goes|{k} on its own, please
goes|{k} and nothing else
goes|{k} without anything else
goes|give me {k} and nothing else
goes|give me {k} on its own
goes|give me {k} without the rest
goes|let me listen to {k} alone
goes|can I have {k} by itself?
goes|I want {k} isolated
goes|I need a clean recording of {k}
goes|get me {k} alone
goes|solo {k}
goes|solo {k}, please
goes|pull {k} out on its own
goes|separate {k} from everything else
goes|separate {k} from all other sounds
goes|cut away everything that is not {k}
goes|drop whatever isn't {k}
goes|throw out anything that's not {k}
goes|everything that isn't {k} can go
goes|everything besides {k} can go
goes|remove all that is not {k}
goes|mute whatever is not {k}
fades|make {kp} clearer
fades|make {kS} clearer
fades|make {kS} more intelligible
fades|make {kp} more intelligible
fades|can {kS} be clearer?
fades|can you make {kp} come through more clearly?
fades|I want to understand {kp}
fades|I'd like to understand {kS} better
fades|help me understand what {kp} is saying
fades|{kS} should be clearer
fades|{kp} should be more distinct
fades|{kp} is not clear enough
fades|clear up {kS}
fades|focus on {k}
fades|put the focus on {k}
fades|concentrate on {k}
fades|draw attention to {k}
stays|clean {dN} up
stays|clean up {dN}
stays|denoise {dN}
stays|please denoise {dN}
stays|reduce {dN}
stays|{dN} is too much
"""
EXCEPTIONS = """
stays|keep {kE} except {r}
stays|keep {kE} but {r}
stays|keep {kE} except for {r}
stays|keep {kE} apart from {r}
stays|I want {kE} but {r}
stays|leave {kE} in except {r}
stays|leave {kE} as it is except {r}
stays|{kE} can stay except {r}
stays|{kE} stays, only {r} goes
stays|let me hear {kE} but {r}
stays|give me {kE} except {r}
stays|play {kE} but {r}
stays|preserve {kE} other than {r}
stays|{kE} minus {r}
stays|remove {rE} except {k}
stays|remove {rE} but {k}
stays|get rid of {rE} apart from {k}
stays|delete {rE} other than {k}
stays|mute {rE} save for {k}
stays|cut {rE} except for {k} and {k}
stays|{rE} goes except {k}
stays|{rE} must go but {k}
stays|drop {rE} except {k}, please
stays|silence {rE} besides {k}
stays|turn {dE} down except {k}
stays|lower {dE} but {k}
stays|make {dE} quieter except {k}
stays|turn down {dE} apart from {k} {%d}
stays|turn {uE} up except {k}
stays|raise {uE} but {k}
stays|make {uE} louder apart from {k}
stays|remove {rK} but not {kM}
stays|remove {rK} except {kM}
stays|take {rK} out, but leave {kM}
stays|take out {rK}, but not {kM} please
stays|get rid of {rK} except for {kM}
stays|mute {rK} but keep {kM}
stays|no {rK} except {kM}
stays|{rK} should go, but not {kM}
stays|{rK} can go, only not {kM}
stays|{rK} go, {kM} stays
stays|lower {dK}, but not {kM}
stays|turn down {dK} except {kM}
stays|turn {dK} down, just not {kM}
stays|turn up {uK} but not {kM}
stays|make {uK} louder except for {kM}
stays|quieter {dK}, but leave {kM} alone
stays|lower {dK} but remove {rM}
stays|remove {rK} and turn up {uM}
goes|keep only {kK}, without {rM}
goes|isolate {kK} but not {rM}
goes|just {kK}, except {rM}
stays|keep {kK} but not {rM}
stays|keep {kK} except {rM}
stays|remove {r} but not {k}
stays|remove {r}, not {k}
stays|take {r} out but not {k}
stays|mute {r} but leave {k}
stays|lower {d} but not {k}
stays|turn up {u} but not {k}
stays|turn down {d}, not {k}
stays|lose {r}, keep {k}
stays|keep {k}, lose {r}
stays|keep {k} and remove {r}
stays|don't remove {k}, remove {r}
stays|do not remove {k}. Remove {r}
stays|don't remove {k}
stays|do not mute {k}, mute {r}
stays|don't turn {k} down, turn down {d}
stays|do not touch {k}
stays|don't touch {k}, just lose {r}
stays|don't touch {k}, just turn down {d}
stays|never mind {k}, remove {r}
stays|don't change {k}
stays|don't change {k}, but remove {r}
stays|don't cut {k}
stays|don't lose {k}
stays|don't you dare remove {k}
stays|leave {k} alone
stays|leave {k} alone and get rid of {r}
stays|leave {k} untouched and lower {d}
stays|{k} is fine, but {d} is too loud
stays|{k} is fine, it's {r} that should go
stays|{k} can stay, {r} can't
stays|{k} can stay but {r} has to go
stays|I like {k}, but not {r}
stays|I don't mind {k}, but {d} should be quieter
stays|not {k}, only {r} should go
stays|it's not {k} that bothers me but {r}
stays|I said {d} down, not {k}
stays|I said quieter {db}, not quieter {kb}
stays|turn down {d} rather than {k}
stays|remove {r} instead of {k}
stays|remove {r} without touching {k}
stays|lower {d} without changing {k}
stays|turn up {u} without making {k} louder
stays|remove {o}, no wait, {r}
stays|remove {o}, I mean {r}
stays|remove {o}, sorry, {r}
stays|turn down {o}, no, {d}
stays|turn up {o}, I mean {u}
stays|mute {o}... actually no, {r}
stays|cut {o}. No, sorry, cut {r} instead
stays|lower {o}, or rather {d}
stays|{d} should be quieter, not {k}
stays|{u} louder, not {k}
stays|{r} out, {k} in
stays|{k} yes, {r} no
"""
OVERALL = """
stays|turn {uE} up
stays|make {uE} louder
stays|louder please, {uE}
stays|turn {dE} down
stays|make {dE} quieter
stays|{dE} is too loud
stays|{uE} is too quiet
stays|{uE} {%u} louder, please
stays|lower {dE} {%d}
stays|turn down {dE} {%d}
stays|raise {uE} {%u}
stays|turn up {uE} {%u}
stays|boost {uE}
stays|halve {dE}
stays|double {uE}
stays|lower {dL}
stays|turn {dL} down
stays|make {dL} quieter
stays|turn {uL} up
stays|keep {k}, turn {dL} down
stays|keep {k} and drop {rL}
stays|keep {k} and get rid of {rL}
stays|{k} stays, {rL} goes
stays|{k} should stay, {rL} can go
stays|I want {k} and {rL} gone
stays|{u} louder and {rL} gone
stays|{u} up, {dL} down
stays|I'd like {u} louder, and {dL} quieter
stays|raise {u} and lower {dL}
stays|turn up {u} and remove {rL}
stays|turn down {d} and leave {kL} alone
stays|remove {r} and leave {kL}
stays|remove {r}, {kL} stays as it is
stays|make {u} louder than {dL}
stays|{d} quieter, {uL} louder
"""
PAIRS = """
stays|drop the volume of {d}
stays|drop the level of {d}
stays|cut the volume of {d}
stays|take down the volume of {d} and {d}
stays|lower the sound of {d}, increase the sound of {u}
stays|reduce the intensity of {d} and raise the intensity of {u}
stays|lower the sound level of {d} and raise the sound level of {u}
stays|{u} louder, {d} quieter
stays|louder {ub}, quieter {db}
stays|more {ub}, less {db}
stays|less {db}, more {ub}
stays|more {ub} and less {db} please
stays|a bit more {ub}, a bit less {db}
stays|{u} up and {d} down
stays|{u} up, {r} out
stays|{r} off and {u} up
stays|{d} at half volume and {u} twice as loud
stays|{d} to {%p}, {u} {%u}
stays|take {%n} off {d} and add {%n} to {u}
stays|add {%n} to {u}
stays|give {u} {%n} more
stays|take {%n} off {d}
stays|take {d} down {%n}
stays|bring {d} down to {%p}
stays|set {d} to {%p}
stays|put {d} at {%p}
stays|turn {d} to {%p}
stays|bring {d} down {%d}
stays|bring {u} up {%u}
stays|duck {d} {%d}
stays|duck {d} under {kp}
stays|cut {d} {%d}
stays|drop {d} {%d}
stays|{d} should be {%d} quieter
stays|{u} should be {%u} louder
stays|could {u} be {%u} louder?
stays|could {d} be {%d} quieter?
stays|I want {d} {%d} quieter and {r} gone
stays|balance it with {u} louder and {d} softer
stays|swap {u} and {d}: the first up, the second down
stays|instead of {r} I want more {ub}
stays|{r} and {r} need to go
stays|both {r} and {r} have to go
stays|neither {r} nor {r}
stays|no {rb}, no {rb}
stays|no {rb} and no {rb}
stays|not {r} and not {r}
stays|either way, {r} must be gone
goes|isolate {k} and turn {u} up
goes|isolate {k}, then make {u} louder
goes|keep only {k} and lower {d}
goes|extract {k} and halve {d}
goes|only {k} and, quieter, {d}
goes|just {k} and {u}, the latter louder
goes|isolate {u} and make it louder
goes|isolate {u} and turn it up
goes|extract {u} and boost it {%u}
goes|keep only {u} and make them louder
goes|separate {u} and raise their volume
goes|isolate {d} and turn it down {%d}
goes|keep just {d} and lower it
goes|extract {d} and reduce its volume
stays|keep {d} but make it quieter
stays|keep {d} but turn it down {%d}
stays|keep {u} but make it louder
stays|find {r} and remove it
stays|take {d} and make it quieter
stays|there is {r} in here, take it out
stays|do you hear {r}? get rid of it
stays|do you hear {d}? turn it down
stays|you know {r}? I want it gone
stays|about {d}: lower it
stays|as for {u}, make it louder
stays|as for {r}, I'd drop it
"""
NOTHING = """
what time is it?
what's the weather like today?
who are you?
what can you do?
how does this work?
hello
hello there
hi, how are you?
good morning
thank you
thanks, that's all
ok thanks
great, that sounds good
perfect
never mind
stop
yes
no
hmm
nice
I love this recording
this is a lovely recording
what do you hear?
what is that sound?
what's in this recording?
what instruments are there?
how many people are speaking?
how many {thing} are there?
is there {thing} in the recording?
is that {thing} or {thing}?
do you like {thing}?
where was {thing} recorded?
who is talking?
what is she saying?
what does {name} say?
what language is this?
how long is the clip?
how loud is {thing}?
when does {thing} start?
which {thing} is that?
why is there {thing}?
did you hear {thing}?
tell me about {thing}
tell me a joke
write a poem about {thing}
sing me a song
play {thing}
play some music
play it again
stop playing
open the file
save it as a wav file
save this
export it as mp3
convert this to mono
convert the recording to flac
transcribe this
transcribe it, please
transcribe what {name} says
write down what {name} is saying
translate this into German
translate what {name} says into Spanish
give me a transcript
summarise the conversation
summarize what {name} said
make subtitles for this
caption this clip
identify {thing}
detect {thing}
count {thing}
find out who is speaking
recognise the song
name that tune
tag the sounds
label {thing}
describe the recording
describe {thing}
add some reverb
add reverb to {thing}
add reverb to {name}
put some echo on {name}
add {thing}
add some {thing} in the background
insert {thing} at the start
mix in {thing}
pan {name} to the left
pan {thing} hard right
move {thing} to the left speaker
make it stereo
make it sound warmer
make it warmer
make {name} sound younger
make {name} sound like a robot
make {thing} brighter
make it brighter
make it sound like a phone call
more bass
add more bass
boost the treble
cut the low end
cut below 100 Hz
equalise it
apply a high-pass filter
compress it
normalise it
normalize to -16 LUFS
limit the peaks
master this track
level out the volume
change the pitch of {name}
pitch {name} down an octave
raise the pitch of {thing}
transpose it to C
slow it down
speed it up
speed up {name}
play it backwards
reverse it
reverse {thing}
loop {thing}
cut the first ten seconds
trim the silence
trim the end
crop it to 5 seconds
fade in at the start
fade out at the end
split it into two files
split the file at 10 seconds
merge it with the other file
replace {thing} with {thing}
swap {thing} for {thing}
turn {thing} into {thing}
turn {name} into a woman
change {name} into a man
clone the voice of {name}
dub {name} in French
autotune {name}
beep out the swear words
tune the guitar
change the tempo to 120
what is 2 plus 2?
book a table for two
set an alarm for seven
remind me tomorrow
call my mother
buy {thing}
I have {thing} at home
my {thing} is broken
{thing} is my favourite
I was walking in the park
the weather was fine that day
this was recorded in 1998
it was {name} who recorded this
asdf
test
testing 1 2 3
lorem ipsum
"""
ODD = """
add some reverb
add reverb to it
pan it to the left
make it warmer
speed it up
slow it down a little
transcribe it
convert it to mono
normalise the file
fade it out at the end
pitch it up
play it backwards
compress it
give it more bass
translate it
save it as mp3
"""
ODD_JOINS = (" and {odd}", ", then {odd}", " and then {odd}", ", and {odd}", ". Also {odd}")
OPENERS = (
    "hey, ",
    "hi, ",
    "ok, ",
    "okay so ",
    "so, ",
    "well, ",
    "right, ",
    "um, ",
    "please ",
    "sorry, but ",
    "now ",
    "next, ",
    "for my podcast, ",
    "for the film, ",
    "in this clip, ",
    "this time ",
    "one more thing: ",
    "listen, ",
    "my hearing is bad, ",
    "I'm editing an interview, ",
    "as a birdwatcher I'd say: ",
    "for the lesson, ",
    "honestly, ",
    "if possible, ",
    "could you help me? ",
    "quick one: ",
    "can you do this: ",
)
CLOSERS = (
    ", please",
    " please",
    ", thanks",
    " thanks",
    " if you can",
    ", if possible",
    ", ok?",
    " for me",
    "!",
    "!!",
    ", thank you so much",
    ", would you",
    ", cheers",
    " in this recording",
    " in the mix",
    " here",
    " throughout",
    " a.s.a.p.",
    ", that would be great",
)
ASIDES = (
    "It is for my podcast.",
    "Thanks a lot!",
    "I have to hand it in tomorrow.",
    "Take your time.",
    "That would help a lot.",
    "We recorded it yesterday.",
    "The rest sounds good.",
    "I hope you understand.",
    "My boss is waiting.",
    "It was a windy day.",
)
AMOUNTS_UP = bars(
    "by {n} dB|by {n} decibels|{n} dB|by half|by {p} %|by {p} percent|a bit|a little|a lot|"
    "slightly|somewhat|considerably|much|a touch|a tad|way|a notch|{t} times|just a hair|"
    "about {n} dB|by around {n} dB|very slightly|a good deal|massively"
)
AMOUNTS_DOWN = bars(
    "by {n} dB|by {n} decibels|{n} dB|by half|by {p} %|by {p} percent|a bit|a little|a lot|"
    "slightly|somewhat|considerably|much|a touch|a tad|a notch|by two thirds|by a third|"
    "by a quarter|about {n} dB|by around {n} dB|very slightly|until it is barely audible|"
    "so that it's almost gone|to a whisper|a fair bit|drastically"
)
LEVELS = bars("{p} %|{p} percent|half|a third|a quarter|half volume|half its volume|-{n} dB|{p}%")
PLAIN = bars("{n} dB|{n} decibels|a few dB|{w} dB|{w} decibels")


@lru_cache
def lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.strip().splitlines() if line)


@lru_cache
def framed(text: str) -> tuple[tuple[str, str], ...]:
    """(rest, frame) pairs of a table."""
    return tuple((line.partition("|")[0], line.partition("|")[2]) for line in lines(text))
