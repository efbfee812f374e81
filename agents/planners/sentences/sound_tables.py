"""Names and doings of what sounds by itself, `names : doings` a line.

More sounds of the same things follow behind a semicolon.
"""

from __future__ import annotations

AGENTS = """
dog, hound, canine, puppy, pooch: barking, bark, woofing, yapping
; growling, growl, snarling, snarl; howling, howl; whining, whine, whimper, yelping; panting, pant
cat, kitty, feline, kitten: meowing, meow, mewing; purring, purr; hissing, hiss, spitting
; yowling, yowl, wailing
cow, bovine, cattle, heifer: mooing, moo, lowing, bellowing
bull, ox, steer: bellowing, bellow, roaring
horse, stallion, pony, mare, equine: neighing, neigh, whinnying, whinny
; trotting, trot, hoofbeats, hooves, galloping
donkey, mule: braying, bray, hee-haw
sheep, lamb, ewe: bleating, bleat, baaing, baa
goat, billy goat: bleating, bleat, maaing
pig, hog, swine, piglet: grunting, grunt, oinking, oink, squealing
rooster, cockerel: crowing, crow, cock-a-doodle-doo
hen, chicken, fowl: clucking, cluck, cackling
turkey, gobbler: gobbling, gobble
duck, waterfowl, mallard: quacking, quack
goose, geese: honking, honk
crow, raven, bird: cawing, caw
owl, night bird, bird: hooting, hoot, screeching
pigeon, dove, bird: cooing, coo
sparrow, small bird, songbird, bird: chirping, chirp, tweeting, tweet
robin, songbird, bird: singing, song, warbling
parrot, talking bird, bird: squawking, squawk, screeching
seagull, gull, sea bird: screeching, screech, crying
hawk, falcon, bird of prey, raptor: screaming, scream, shrieking, cry
peacock, peafowl, bird: calling, call, screaming
cuckoo, bird: calling, call
woodpecker, bird: drumming, tapping, pecking, hammering
penguin, penguins, flightless bird: honking, braying, squawking
swan, water bird: trumpeting, hissing, calling
frog, toad, amphibian: croaking, croak, ribbiting, ribbit
cricket, crickets, insect: chirping, chirp, stridulating
cicada, cicadas, insect: buzzing, droning, drone, singing
bee, bees, insect, bumblebee: buzzing, buzz, humming, hum
fly, housefly, insect, bug: buzzing, buzz, droning
mosquito, gnat, insect, bug: buzzing, whining, whine, hum
snake, serpent, reptile: hissing, hiss; rattling, rattle
lion, lions, big cat: roaring, roar; growling, growl
tiger, big cat: growling, growl, roaring
cheetah, leopard, wild cat, big cat: chirping, purring, snarling
bear, grizzly: growling, growl, grunting
wolf, wolves, pack of wolves: howling, howl
coyote, prairie wolf, wild dog: howling, howl, yipping
fox, vixen: screaming, barking, yelping
deer, stag, elk, moose: calling, bugling, bellowing
elephant, tusker: trumpeting, trumpet, blaring
monkey, ape, primate: screeching, chattering, hooting, howling
chimpanzee, chimp, ape, primate: hooting, panting, screaming
zebra, striped horse: barking, braying
camel, dromedary: groaning, grumbling
whale, humpback, sea mammal: singing, song, calling
dolphin, porpoise, sea mammal: clicking, whistling, squeaking
seal, sea lion, sea mammal: barking, bark, roaring
otter, river otter: squeaking, chirping, growling
mouse, mice, rodent: squeaking, squeak, scurrying
rat, rodent: squeaking, scratching
squirrel, chipmunk, rodent: chattering, chirping
hamster, guinea pig, rodent: squeaking, squealing
bat, bats: squeaking, chirping
dinosaur, prehistoric beast: roaring, roar
baby, infant, newborn: crying, cry, wailing, bawling; laughing, giggling, laugh; babbling, cooing
toddler, kid, children: laughing, shouting, playing
crowd, audience, spectators: cheering, cheers, applauding, applause; booing, jeers
; murmuring, chatter, murmur
person, someone: sneezing, sneeze; coughing, cough; snoring, snore; whistling, whistle
; burping, burp; hiccuping, hiccups; yawning, yawn; gargling, gargle
choir, chorus, vocal group: singing, song, chanting
footsteps, steps, footfalls: walking, crunching, stomping
heart, heartbeat: beating, thumping, pulse
car, automobile, vehicle: passing by, driving by, driving past, whooshing past
; skidding, screeching, tyres squealing; accelerating, speeding up; starting, ignition
car engine, engine, motor: idling, running, humming; revving, roaring, vrooming
; knocking, rattling, sputtering
race car, racing car, sports car: racing, roaring, zooming
car horn, vehicle horn, horn: honking, honk, beeping, tooting
car door, vehicle door: slamming, closing, opening
truck, lorry, heavy vehicle: rumbling, driving by; reversing, beeping, backing up
bus, coach: driving, rumbling, braking
motorcycle, motorbike, bike: revving, roaring, riding, driving
scooter, moped: buzzing, riding
bicycle, bike, pushbike: riding, bell ringing
tractor, farm vehicle: chugging, driving, plowing
bulldozer, digger, excavator: digging, rumbling
train, locomotive, railway: passing, rumbling, chugging, clattering
; whistling, whistle, blowing its whistle; braking, squealing, screeching wheels; honking, horn
subway, metro, underground train: rumbling, arriving
tram, streetcar: clanging, passing
airplane, aircraft, plane, jet: flying, flying over, roaring; taking off, landing
helicopter, chopper, rotorcraft: hovering, whirring, flying
drone, quadcopter: buzzing, flying
rocket, spacecraft, missile: launching, launch, blasting off, lift-off
boat, motorboat, speedboat: speeding, motor running
ship, ferry, steamer: blowing its horn, horn, foghorn
rowing boat, canoe, kayak: rowing, paddling
sailboat, yacht, sailing ship: sailing, sails flapping
snowmobile, snow scooter: driving, roaring
skateboard, skateboarder: rolling, skating, grinding
roller coaster, theme park ride, amusement ride: rattling, rolling, running
ambulance, emergency vehicle: wailing, siren
police car, cop car, police: siren, sirens, wailing
fire engine, fire truck, firefighters: siren, blaring
air raid siren, warning siren, emergency siren: wailing, blaring
alarm clock, alarm: ringing, beeping, buzzing
smoke alarm, smoke detector, fire alarm: beeping, chirping, blaring
burglar alarm, security alarm: ringing, wailing
telephone, phone, landline: ringing, ring
mobile phone, cell phone, smartphone: vibrating, buzzing, ringing, ringtone
doorbell, door chime: ringing, chiming, ding-dong
church bell, bell, chapel bell: ringing, tolling, pealing
school bell, bell: ringing, clanging
clock, wall clock, timepiece: ticking, tick-tock, tick
grandfather clock, pendulum clock: chiming, striking
metronome, tempo keeper: ticking, clicking, beat
wind chime, chimes, wind bells: tinkling, jingling, ringing
music box, musical toy: tinkling, playing
rain, rainfall, rainwater, downpour: falling, pouring, pattering, drizzling
thunder, thunderstorm, storm: rumbling, rumble, clapping, booming
hail, hailstones, hailstorm: falling, pounding, pelting
wind, breeze, gusts, gale: howling, blowing, whistling, rushing
tornado, twister, hurricane, cyclone: roaring, raging, spinning
leaves, foliage: rustling, rustle
ocean, sea, waves, surf: crashing, breaking, rolling, lapping
river, stream, brook, creek: flowing, babbling, gurgling, burbling
waterfall, cascade, falling water: rushing, cascading, roaring
fountain, water feature: splashing, trickling
water, liquid: splashing, splash; dripping, drip, dripping tap; bubbling, bubbles, gurgling
; spraying, spray; sloshing, swishing; pouring, flowing
fire, campfire, flames, bonfire: crackling, crackle, burning
volcano, lava: erupting, eruption, exploding
ice, frozen lake, glacier: cracking, crack, breaking
earthquake, tremor: rumbling, shaking
avalanche, rockslide: rumbling, crashing
explosion, bomb, blast: exploding, bang, booming
fireworks, pyrotechnics: exploding, popping, bursting, banging
firecracker, firecrackers, bangers: popping, cracking, going off
gun, rifle, pistol, firearm: firing, shooting, gunshots, shot
machine gun, automatic weapon: firing, rattling, shooting
cannon, artillery: firing, booming
toy gun, cap gun, pop gun: popping, shooting
chainsaw, chain saw, power saw: buzzing, cutting, sawing, roaring
drill, electric drill, power drill: drilling, whirring
jackhammer, pneumatic drill: hammering, pounding
hammer, mallet: hammering, banging, pounding, nailing
saw, hand saw: sawing, cutting
lathe, turning machine: spinning, turning, whirring
grinder, angle grinder, grinding machine: grinding, screeching
welder, welding torch: welding, crackling, sparking
blowtorch, gas torch: burning, hissing, igniting
lawn mower, mower, grass cutter: mowing, running, buzzing
hedge trimmer, trimmer: trimming, cutting, running
leaf blower, garden blower: blowing, roaring
generator, power unit: humming, running
pump, water pump: pumping, humming
compressor, air compressor: hissing, running
vacuum cleaner, vacuum, hoover: vacuuming, humming, cleaning, running
washing machine, washer, laundry machine: spinning, washing, running
dishwasher, dish machine: running, sloshing
hair dryer, blow dryer: blowing, drying, running
electric shaver, razor, hair clippers: buzzing, shaving, trimming
blender, mixer, food processor: blending, whirring, running
coffee machine, espresso maker: brewing, grinding, hissing
kettle, tea kettle: whistling, boiling
microwave, microwave oven: beeping, humming
refrigerator, fridge, freezer: humming, buzzing
fan, electric fan, ventilator: whirring, blowing, running
air conditioner, air conditioning, AC unit, cooling unit: humming, blowing
extractor fan, exhaust fan: humming, running
sewing machine, stitching machine: stitching, sewing, running
printer, office printer: printing, whirring
photocopier, copier, copy machine: copying, scanning
typewriter, typing machine: typing, clacking, key strokes
keyboard, computer keyboard: typing, clicking, clacking
computer mouse, mouse button: clicking, clicks
modem, dial-up modem: dialling, connecting
radio, untuned radio: hissing, static, crackling
television, TV set: playing, humming
cash register, till: ringing, ka-ching, opening
slot machine, fruit machine, gambling machine: ringing, jingling, spinning
pinball machine, arcade machine: ringing, beeping
camera, shutter: clicking, snapping
door, wooden door: creaking, squeaking; slamming, slam, banging; sliding, opening; knocking, knock
drawer, cupboard, cabinet: opening, closing, sliding
window, car window: rolling down, sliding, closing
elevator, lift: moving, dinging
toilet, lavatory, loo: flushing, flush
shower, bathroom shower: running, spraying
tap, faucet: running, dripping
zipper, zip: zipping, unzipping
coins, loose change, money: jingling, clinking, rattling
keys, key ring: jingling, rattling
glass, window pane: breaking, shattering, smashing
dishes, plates, crockery: clattering, clinking, rattling
popcorn, corn kernels: popping, bursting
wings, bird wings: flapping, fluttering
horse carriage, wagon, cart: rolling, creaking
train horn, railway horn: blowing, blaring, honking
air horn, gas horn: blaring, blasting
foghorn, ship horn: blowing, sounding
whistle, referee whistle: blowing, shrilling
tuning fork, pitch fork: ringing, humming
"""
