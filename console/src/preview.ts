// What can be shown of a file that a device sent: a picture, or the beginning of a text. The bytes decide, never a name or a type
// that somebody gave, and they become a picture or characters: never a page, a script or a style.
import { getBytes, path, type Upload } from "./api";

export type Preview = { kind: "image"; url: string } | { kind: "text"; text: string; whole: boolean } | { kind: "none" };

const textMax = 256 * 1024; // bytes of a text that are fetched
const imageMax = 8 * 1024 * 1024;

const images: [string, RegExp][] = [
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
  ["image/bmp", /^BM[^]{4}\0\0\0\0/],
];

function typeOf(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  return images.find(([, begin]) => begin.test(head))?.[0];
}

/** The policy of the page lets pictures in from data: but from no blob. */
function urlOf(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob([bytes], { type }));
  });
}

function textOf(bytes: Uint8Array, whole: boolean): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !whole }); // the last character may be cut
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

export async function readPreview(upload: Upload): Promise<Preview> {
  const to = path("uploads", upload.id, "content");
  const bytes = await getBytes(to, textMax);
  const whole = bytes.length >= upload.size;
  const type = typeOf(bytes);
  if (type && upload.size > imageMax) return { kind: "none" };
  if (type) return { kind: "image", url: await urlOf(whole ? bytes : await getBytes(to), type) };
  const text = textOf(bytes, whole);
  return text === undefined ? { kind: "none" } : { kind: "text", text, whole };
}
