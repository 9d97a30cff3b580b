const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/** Reads base 83; undefined if a character is none of its digits. */
function base83(text: string): number | undefined {
  let value = 0;
  for (const c of text) {
    const digit = digits.indexOf(c);
    if (digit < 0) return undefined;
    value = value * 83 + digit;
  }
  return value;
}

const toLinear = (byte: number): number => {
  const v = byte / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
};

const toByte = (linear: number): number => {
  const v = Math.min(1, Math.max(0, linear));
  return Math.round((v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055) * 255);
};

const signedSquare = (v: number): number => Math.sign(v) * v * v;

type Colour = readonly [number, number, number];

/** The colour waves of a hash, the average first, and how many lie side by side; undefined if the hash is malformed. */
function waves(hash: string): { columns: number; colours: Colour[] } | undefined {
  const size = base83(hash.slice(0, 1));
  const scale = base83(hash.slice(1, 2));
  const average = base83(hash.slice(2, 6));
  if (size === undefined || scale === undefined || average === undefined || size > 80) return undefined;
  const columns = (size % 9) + 1;
  const rows = Math.floor(size / 9) + 1;
  if (hash.length !== 4 + 2 * columns * rows) return undefined;
  const strength = (scale + 1) / 166;
  const colours: Colour[] = [[toLinear(average >> 16), toLinear((average >> 8) & 255), toLinear(average & 255)]];
  for (let i = 6; i < hash.length; i += 2) {
    const value = base83(hash.slice(i, i + 2));
    if (value === undefined) return undefined;
    const part = (v: number): number => signedSquare((v - 9) / 9) * strength;
    colours.push([part(Math.floor(value / 361)), part(Math.floor(value / 19) % 19), part(value % 19)]);
  }
  return { columns, colours };
}

/** Pixels (RGBA) of a blurhash, or undefined if it is malformed. Sizes are small: a few dozen pixels are enough for a blur. */
export function decodeBlurhash(hash: string, width: number, height: number): Uint8ClampedArray<ArrayBuffer> | undefined {
  const parsed = waves(hash);
  if (!parsed) return undefined;
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let [r, g, b] = [0, 0, 0];
      parsed.colours.forEach((colour, i) => {
        const across = Math.cos((Math.PI * x * (i % parsed.columns)) / width);
        const down = Math.cos((Math.PI * y * Math.floor(i / parsed.columns)) / height);
        r += colour[0] * across * down;
        g += colour[1] * across * down;
        b += colour[2] * across * down;
      });
      pixels.set([toByte(r), toByte(g), toByte(b), 255], (y * width + x) * 4);
    }
  }
  return pixels;
}
