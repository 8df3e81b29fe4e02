// Pictures and files: reading them, fitting them below the limit, and showing what others sent without trusting it.

export const MAX_SIZE = 700_000; // bytes; the server has the last word

const LONGEST_SIDE = 1_600; // pixels of a picture that is made smaller

const PICTURES = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
];

const ascii = (bytes, start, end) => String.fromCharCode(...bytes.subarray(start, end));

/**
 * Tell from its first bytes what picture this is; null if none that is safe to show.
 * The type that the sender claims is not believed, and SVG, which can carry scripts, is no picture here.
 */
export function pictureType(data) {
  const bytes = new Uint8Array(data, 0, Math.min(16, data.byteLength));
  for (const [type, magic] of PICTURES) if (magic.every((byte, i) => bytes[i] === byte)) return type;
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") return "image/webp";
  if (ascii(bytes, 4, 8) === "ftyp" && ["avif", "avis"].includes(ascii(bytes, 8, 12))) return "image/avif";
  return null;
}

export function size(bytes) {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Read a file for sending: `{name, type, size, data}`. Throws an Error to show if it is too large. */
export async function read(file) {
  if (file.size === 0) throw new Error(`${file.name} is empty.`);
  if (file.size <= MAX_SIZE) {
    return { name: file.name, type: file.type, size: file.size, data: await file.arrayBuffer() };
  }
  const smaller = file.size < 60_000_000 ? await shrink(file) : null;
  if (!smaller) throw new Error(`${file.name} has ${size(file.size)}; the limit is ${size(MAX_SIZE)}.`);
  const name = file.name.replace(/\.[^.]*$/, "") + ".jpg";
  return { name, type: "image/jpeg", size: smaller.size, data: await smaller.arrayBuffer(), shrunkFrom: file.size };
}

async function shrink(file) {
  if (!/^image\/(jpeg|png|webp|avif)$/.test(file.type)) return null;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return null;
  try {
    for (let side = LONGEST_SIDE; side >= 400; side /= 1.4) {
      const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      const context = canvas.getContext("2d");
      context.fillStyle = "#fff"; // JPEG knows no transparency
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.82));
      if (blob && blob.size <= MAX_SIZE) return blob;
    }
    return null;
  } finally {
    bitmap.close();
  }
}

/** An object URL that shows as a picture, or null. */
export function pictureUrl(data) {
  const type = pictureType(data);
  return type && URL.createObjectURL(new Blob([data], { type }));
}

/** Save bytes as a file; their type is never one that the browser would open here. */
export function download(data, name) {
  const url = URL.createObjectURL(new Blob([data], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
