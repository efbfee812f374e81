// Two sounds of one length that run side by side: switching between them loses no sample.
export class Player {
  constructor(changed) {
    this.changed = changed;
    this.sounds = [null, null];
    this.side = 0;
    this.loop = null; // [start, end] in seconds
    this.at = 0;
    this.running = null;
  }

  // `sounds`: the original and, once there is one, the remix.
  open(sounds, { keep = false } = {}) {
    const [at, played] = [this.place, this.running !== null];
    this.stop();
    this.sounds = sounds;
    if (!keep) [this.loop, this.side] = [null, 0];
    this.at = keep ? at : 0;
    if (keep && played) this.play();
    this.changed();
  }

  get length() {
    return this.sounds[0] ? this.sounds[0].channels[0].length / this.sounds[0].rate : 0;
  }

  get place() {
    if (!this.running) return this.at;
    const at = this.at + this.context.currentTime - this.running.since;
    if (!this.loop || at < this.loop[1]) return Math.min(at, this.length);
    const [start, end] = this.loop;
    return start + ((at - start) % (end - start));
  }

  play() {
    this.context ??= new AudioContext();
    this.context.resume();
    if (this.loop && (this.at < this.loop[0] || this.at >= this.loop[1])) this.at = this.loop[0];
    if (this.at >= this.length - 0.01) this.at = 0;
    // What would clip is turned down for the player, both sides alike.
    const peak = Math.max(1, ...this.sounds.filter(Boolean).map((one) => one.peak));
    const gains = this.sounds.map((sound, side) => sound && this.#start(sound, side === this.side ? 1 / peak : 0));
    this.running = { since: this.context.currentTime, gains, level: 1 / peak };
    this.changed();
  }

  #start({ rate, channels }, level) {
    const buffer = this.context.createBuffer(channels.length, channels[0].length, rate);
    channels.forEach((one, n) => buffer.copyToChannel(one, n));
    const source = new AudioBufferSourceNode(this.context, { buffer });
    if (this.loop) [source.loop, source.loopStart, source.loopEnd] = [true, ...this.loop];
    const gain = new GainNode(this.context, { gain: level });
    source.connect(gain).connect(this.context.destination);
    source.start(0, this.at);
    return { source, gain };
  }

  stop() {
    if (!this.running) return;
    this.at = this.place;
    for (const one of this.running.gains) one?.source.stop();
    this.running = null;
    this.changed();
  }

  toggle() {
    if (this.running) this.stop();
    else if (this.length) this.play();
  }

  // Go on at `at` seconds, in the loop [start, end] or in none.
  go(at, loop = this.loop) {
    const played = this.running !== null;
    this.stop();
    this.at = Math.max(0, Math.min(at, this.length));
    this.loop = loop;
    if (played) this.play();
    this.changed();
  }

  turn(side) {
    if (!this.sounds[side]) return;
    this.side = side;
    this.running?.gains.forEach((one, n) => one?.gain.gain.setTargetAtTime(n === side ? this.running.level : 0, this.context.currentTime, 0.005));
    this.changed();
  }
}
