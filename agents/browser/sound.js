// Files to samples and back, at their own rate: {rate, channels: [Float32Array, …]}.

// The browser would resample to a rate of its own; in most files the true one is easily found.
export function rateOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at, length) => String.fromCharCode(...bytes.subarray(at, at + length));
  if (text(0, 4) === "RIFF") {
    for (let at = 12; at + 16 <= bytes.length; at += 8 + view.getUint32(at + 4, true)) {
      if (text(at, 4) === "fmt ") return view.getUint32(at + 12, true);
    }
  }
  if (text(0, 4) === "fLaC") return view.getUint32(18) >>> 12;
  if (text(0, 4) === "OggS" && text(29, 6) === "vorbis") return view.getUint32(40, true);
  let at = text(0, 3) === "ID3" ? 10 + bytes.subarray(6, 10).reduce((size, part) => size * 128 + part, 0) : 0;
  if (at + 4 <= bytes.length && view.getUint16(at) >>> 5 === 0x7ff && (bytes[at + 1] & 6) === 2) {
    const half = { 3: 1, 2: 2, 0: 4 }[(bytes[at + 1] >>> 3) & 3];
    return [44100, 48000, 32000][(bytes[at + 2] >>> 2) & 3] / half || 48000;
  }
  return 48000;
}

export async function decoded(buffer) {
  const rate = Math.min(384000, Math.max(8000, rateOf(new Uint8Array(buffer))));
  const heard = await new OfflineAudioContext(1, 1, rate).decodeAudioData(buffer);
  const channels = [];
  for (let n = 0; n < heard.numberOfChannels; n++) channels.push(heard.getChannelData(n));
  return { rate, channels };
}

// 32-bit float WAV: any level is kept.
export function wav({ rate, channels }) {
  const size = 4 * channels.length * channels[0].length;
  const view = new DataView(new ArrayBuffer(58 + size));
  const words = (at, said) => [...said].forEach((one, n) => view.setUint8(at + n, one.charCodeAt(0)));
  const numbers = (at, size, ...values) => values.forEach((one, n) => view[`setUint${8 * size}`](at + n * size, one, true));
  words(0, "RIFF"); numbers(4, 4, 50 + size); words(8, "WAVEfmt "); numbers(16, 4, 18);
  numbers(20, 2, 3, channels.length); numbers(24, 4, rate, 4 * channels.length * rate);
  numbers(32, 2, 4 * channels.length, 32, 0);
  words(38, "fact"); numbers(42, 4, 4, channels[0].length); words(50, "data"); numbers(54, 4, size);
  const out = new Float32Array(size / 4);
  channels.forEach((one, n) => one.forEach((value, at) => { out[at * channels.length + n] = value; }));
  new Uint8Array(view.buffer).set(new Uint8Array(out.buffer), 58);
  return new Blob([view.buffer], { type: "audio/wav" });
}
