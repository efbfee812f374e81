"""Names and doings of activities, instruments and sports, `names : doings` a line.

More sounds of the same things follow behind a semicolon.
"""

from __future__ import annotations

ACTIVITIES = """
paper, sheet of paper: ripping|ripped, tearing|torn; crumpling|crumpled, scrunching|scrunched
plastic bottle, plastic: crushing|crushed, squashing|squashed, crunching|crunched
plastic bag, wrapper: crinkling|crinkled, rustling|rustled
cloth, fabric: ripping|ripped, tearing|torn
wood, logs, timber: chopping|chopped, splitting|split; sawing|sawn, cutting|cut
; planing|planed, smoothing|smoothed, shaving|shaved; sanding|sanded
trees, tree trunk: felling|felled, cutting down|cut down, chainsawing|chainsawed
nails, a nail: hammering|hammered, pounding|pounded
metal, iron: forging|forged, hammering|hammered; welding|welded; grinding|ground
swords, blades: clashing|clashed, striking|struck
knife, knives, blade: sharpening|sharpened, honing|honed
vegetables, food: chopping|chopped, slicing|sliced, dicing|diced; frying|fried, sizzling|sizzled
food, a meal: eating|eaten, chewing|chewed, munching|munched
dinner, a meal, lunch: eating with cutlery|eaten with cutlery, dining|dined on
lips, mouth: smacking|smacked, licking|licked
teeth, dentures: brushing|brushed, cleaning|cleaned
hands, palms: clapping|clapped
fingers, finger: snapping|snapped, clicking|clicked
hair, someone's hair: cutting|cut, trimming|trimmed, clipping|clipped
cards, deck of cards: shuffling|shuffled
match, matches: striking|struck, lighting|lit
lighter, cigarette lighter: flicking|flicked, striking|struck, lighting|lit
blackboard, chalkboard: writing on|written on, scribbling on|scribbled on
notes, a letter: writing|written, scribbling|scribbled
pages, a book: turning|turned, flipping|flipped
mud, wet sponge: squishing|squished, squelching|squelched
snow, fresh snow: walking on|walked on, stepping on|stepped on, shovelling|shovelled
gravel, stones: walking on|walked on, crunching|crunched
vinyl records, turntable, record: scratching|scratched, spinning|spun
basketball, ball: bouncing|bounced, dribbling|dribbled
football, soccer ball: kicking|kicked, shooting|shot
golf ball, ball: driving|driven, hitting|hit, putting|putted
bowling pins, pins: knocking over|knocked over, striking|struck, bowling|bowled
billiard balls, pool balls: striking|struck, hitting|hit, potting|potted
rope, jump rope: skipping|skipped, jumping|jumped
trampoline, springy mat: bouncing on|bounced on, jumping on|jumped on
drum pads, table: tapping|tapped, drumming on|drummed on
guitar body, guitar strings: tapping|tapped, slapping|slapped
champagne, bottle: uncorking|uncorked, opening|opened
soda, fizzy drink: pouring|poured, opening|opened
floor, wooden floor: sweeping|swept, mopping|mopped, scrubbing|scrubbed
clothes, shirts: ironing|ironed, washing|washed
stairs, steps: climbing|climbed
the pool, lake: swimming in|swum in, diving into|dived into
"""

INSTRUMENTS = """
piano, grand piano, keys: tinkling, pounding
electric piano, keyboard: tinkling
organ, pipe organ, church organ: droning
electronic organ, electric organ, keyboard: humming
synthesizer, synth, electronic keyboard: bleeping, humming
accordion, squeezebox: wheezing, squeezing
harpsichord, baroque keyboard: plucking
acoustic guitar, guitar: strumming, picking, plucking
electric guitar, rock guitar: strumming, shredding, riffing
bass guitar, electric bass, bass: thumping, plucking
double bass, upright bass, contrabass: bowing, plucking
banjo, bluegrass banjo: picking, strumming
ukulele, uke, small guitar: strumming, plucking
mandolin, string instrument: picking, strumming
violin, fiddle, string instrument: bowing, fiddling
viola, string instrument: bowing
cello, string instrument: bowing
harp, stringed harp: plucking
lute, string instrument: plucking
sitar, indian lute, string instrument: plucking
zither, string instrument: plucking, strumming
koto, japanese zither: plucking
erhu, chinese fiddle: bowing
flute, woodwind: blowing, fluting
recorder, wooden flute: blowing
piccolo, small flute: piping
clarinet, woodwind: blowing
oboe, woodwind: blowing
bassoon, woodwind: blowing
saxophone, sax: blowing, wailing
trumpet, brass instrument: blaring, blowing
cornet, brass instrument: blowing
bugle, military trumpet: blowing, sounding
trombone, slide trombone, brass instrument: blaring, sliding
french horn, horn, brass instrument: blowing
tuba, brass instrument: oompahing, blowing
shofar, ram's horn: blowing
didgeridoo, aboriginal pipe: droning, blowing
bagpipes, pipes: droning, skirling
harmonica, mouth organ, blues harp: blowing
theremin, electronic instrument: wailing, humming
drum kit, drums, drum set: drumming, beating
snare drum, snare: rolling, drumming
bass drum, kick drum: booming, thumping
timpani, kettledrums: rolling, booming
bongos, bongo drums: tapping, drumming
congas, conga drums: drumming, slapping
tabla, indian drums: drumming, tapping
djembe, african drum, hand drum: drumming, slapping
timbales, latin drums: drumming
tambourine, hand percussion: shaking, jingling
cymbals, cymbal: crashing, clashing
gong, tam-tam: striking, banging
triangle, percussion triangle: dinging, striking
xylophone, wooden bars: striking, hammering
marimba, wooden bars: striking
vibraphone, vibes: ringing, striking
glockenspiel, metal bars, bell lyre: ringing, striking
steel drum, steelpan, caribbean drum: striking
castanets, hand clappers: clicking, clacking
maracas, shakers: shaking
washboard, percussion board: scraping
guiro, scraper: scraping
singing bowl, tibetan bowl: ringing, humming
orchestra, symphony orchestra, ensemble: swelling
brass band, marching band: marching
string quartet, strings: bowing
"""

SPORTS = """
tennis: hitting
table tennis, ping pong: bouncing
badminton, shuttlecock game: hitting
squash, racquetball: hitting
volleyball, beach volleyball: spiking
basketball, hoops: dribbling
football, soccer: kicking
baseball: batting
cricket match, cricket: batting
hockey, ice hockey: skating
lacrosse: throwing
golf: swinging
bowling, ten-pin bowling: rolling
billiards, pool, snooker: clacking
darts: throwing
skiing, downhill skiing: gliding
ice skating: gliding
rope jumping, jump rope: skipping
swimming: splashing
diving, scuba diving: bubbling
tap dancing, tap dance: tapping
boxing: punching
fencing, sword fighting: clashing
rugby: tackling
air hockey: sliding
"""
