import { decodeBlurhash } from "./blurhash";

/** Pixels of the drawn blur; the browser stretches it. */
const side = 24;

/** Paints blurhashes behind pictures that are still loading and behind sensitive media. */
export function drawBlurhashes(root: Document): void {
  for (const el of root.querySelectorAll<HTMLElement>("[data-blurhash]")) {
    if (el instanceof HTMLImageElement && el.complete) continue;
    const url = paint(root, el.dataset["blurhash"] ?? "");
    const target = el instanceof HTMLImageElement ? el.closest<HTMLElement>(".media-item") : el.querySelector("summary");
    if (url && target) target.style.backgroundImage = `url(${url})`;
  }
}

function paint(root: Document, hash: string): string | undefined {
  const pixels = decodeBlurhash(hash, side, side);
  const canvas = root.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d");
  if (!pixels || !context) return undefined;
  context.putImageData(new ImageData(pixels, side, side), 0, 0);
  return canvas.toDataURL();
}
