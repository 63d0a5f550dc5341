/** Reads a listing from a file or standard input, in whatever encoding it was saved. */
import { printable } from "@dmalab/lang/diagnostics";
import { readHostBytes, readHostInput } from "@dmalab/cli";

export type ListingText =
  | { readonly found: true; readonly name: string; readonly text: string }
  | { readonly found: false; readonly problem: string };

/** @param path A file, or `-` for standard input. */
export function readListingText(path: string): ListingText {
  if (path === "-") {
    const input = readHostInput();
    return input.found ? { found: true, name: "standard input", text: decode(input.bytes) } : input;
  }
  const file = readHostBytes(path);
  if (!file.found) return file;
  return { found: true, name: printable(path), text: decode(file.bytes) };
}

/** UTF-8; UTF-16 as some shells of Windows write it; and what is neither, byte by byte. */
export function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
