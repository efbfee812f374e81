// A sound as a picture: its waveform, and below it its spectrogram on a mel axis.
const RANGE_DB = 70;
const WAVE_SHARE = 0.3;
const MOST_WINDOWS = 8;
// Lightness only rises, so that it also reads in grey.
const RAMP = [[11, 16, 32], [24, 52, 92], [20, 104, 128], [38, 158, 132], [142, 206, 98], [250, 240, 180]];

// In place, of a power of two of values.
function fourier(real, imag) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [real[i], real[j], imag[i], imag[j]] = [real[j], real[i], imag[j], imag[i]];
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((-2 * Math.PI * k) / size), Math.sin((-2 * Math.PI * k) / size)];
      for (let a = k; a < n; a += size) {
        const b = a + half;
        const [re, im] = [real[b] * c - imag[b] * s, real[b] * s + imag[b] * c];
        [real[b], imag[b]] = [real[a] - re, imag[a] - im];
        real[a] += re;
        imag[a] += im;
      }
    }
  }
}

// Power in dB of `rows` mel bands, low first, in each of `columns`; all channels together.
export function spectrogram({ rate, channels }, columns, rows) {
  const size = 2 ** Math.max(6, Math.round(Math.log2(0.04 * rate)));
  const mel = 2595 * Math.log10(1 + rate / 2 / 700);
  const bins = Array.from({ length: rows }, (_, row) => (700 * (10 ** ((mel * row) / rows / 2595) - 1) * size) / rate);
  const length = channels[0].length;
  const each = Math.min(MOST_WINDOWS, Math.max(1, Math.round((2 * length) / columns / size)));
  const out = new Float32Array(columns * rows);
  const [real, imag] = [new Float64Array(size), new Float64Array(size)];
  for (let at = 0; at < columns; at++) {
    const power = new Float64Array(size / 2 + 1);
    for (let n = 0; n < each; n++) {
      const start = Math.round(((at + (n + 0.5) / each) / columns) * length - size / 2);
      for (const channel of channels) {
        for (let i = 0; i < size; i++) {
          real[i] = (channel[start + i] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
        }
        imag.fill(0);
        fourier(real, imag);
        for (let i = 0; i < power.length; i++) power[i] += real[i] ** 2 + imag[i] ** 2;
      }
    }
    for (let row = 0; row < rows; row++) {
      const low = Math.floor(bins[row]), share = bins[row] - low;
      const between = power[low] * (1 - share) + (power[low + 1] ?? 0) * share;
      out[at * rows + row] = 10 * Math.log10(Math.max(between / each, 1e-12));
    }
  }
  return out;
}

// Draw a sound. `top` is the level of the brightest colour: that of what it is compared with.
export function draw(canvas, sound, levels, top) {
  const { width, height } = canvas;
  const wave = Math.round(height * WAVE_SHARE), rows = height - wave;
  const pixels = new ImageData(width, height);
  const put = (x, y, colour) => pixels.data.set([...colour, 255], 4 * (y * width + x));
  const length = sound.channels[0].length;
  for (let x = 0; x < width; x++) {
    let least = 1, most = -1;
    const start = Math.floor((x / width) * length), stop = Math.max(start + 1, Math.floor(((x + 1) / width) * length));
    for (const channel of sound.channels) {
      for (let at = start; at < stop; at++) {
        least = Math.min(least, channel[at]);
        most = Math.max(most, channel[at]);
      }
    }
    const place = (value) => ((1 - Math.max(-1, Math.min(1, value))) / 2) * (wave - 1);
    for (let y = 0; y < wave; y++) {
      put(x, y, y >= Math.floor(place(most)) && y <= Math.ceil(place(least)) ? [94, 176, 190] : RAMP[0]);
    }
    for (let row = 0; row < rows; row++) {
      const unit = Math.max(0, Math.min(0.9999, 1 + (levels[x * rows + row] - top) / RANGE_DB)) * (RAMP.length - 1);
      const low = RAMP[Math.floor(unit)], high = RAMP[Math.floor(unit) + 1];
      put(x, height - 1 - row, low.map((value, n) => value + (high[n] - value) * (unit % 1)));
    }
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

export const rowsOf = (canvas) => canvas.height - Math.round(canvas.height * WAVE_SHARE);
