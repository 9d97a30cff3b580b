// Fedify 1.10 asks for Node 22 but misses a single thing of it on Node 20. With it, the newest signatures (RFC 9421) can be tested.
ArrayBuffer.prototype.transfer ??= function transfer(length = this.byteLength) {
  const moved = structuredClone(this, { transfer: [this] });
  if (length === moved.byteLength) return moved;
  const resized = new Uint8Array(length);
  resized.set(new Uint8Array(moved, 0, Math.min(length, moved.byteLength)));
  return resized.buffer;
};
