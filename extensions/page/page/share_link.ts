/**
 * Links that contain a project: `#d1=` and the project's JSON, deflated, in base64url. The part
 * after `#` never reaches a server. A link may come from a stranger, so any mistake in it is
 * returned as a sentence.
 */
import { base64 } from "@dmalab/recording/views";

export interface Shared {
  readonly files: Readonly<Record<string, string>>;
  readonly entry: string;
  /** Index of the run in the page's list of runs. */
  readonly run: number;
  /** The event and the statement; null for the default position. */
  readonly at: readonly [seq: number, statement: number] | null;
  /** The open tab. */
  readonly view: string | null;
  readonly seed: number | null;
}

/** Form of the page inside a frame: complete, or only a read-only source. */
type FrameForm = "edit" | "read" | null;

/** The version of the link format that this page writes. */
const VERSION = 1;
/** Longer links break in mail and chat. */
export const MAX_LINK_LENGTH = 16_000;
/** Maximum length of a link's decompressed text: a hostile link could expand to gigabytes. */
const MAX_TEXT_LENGTH = 4_000_000;
const MAX_FILES = 100;

/** The content of a fragment: a project, nothing, or the reason why it cannot be opened. */
type ReadLink =
  | { readonly shared: Shared; readonly frame: FrameForm }
  | { readonly problem: string }
  | null;

/** The fragment of a link, with its `#`. */
export async function writeLink(shared: Shared): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(shared));
  const packed = await through(bytes, new CompressionStream("deflate-raw"), Infinity);
  const data = base64(packed!).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return `#d${VERSION}=${data}`;
}

export async function readLink(fragment: string): Promise<ReadLink> {
  const [, version, data, frame = null] =
    fragment.match(/^#d(\d{1,9})=([^&]*)(?:&frame=(edit|read))?$/) ?? [];
  if (version === undefined) {
    return fragment.length > 1 ? { problem: "This is not a dmalab link" } : null;
  }
  if (Number(version) > VERSION) {
    return { problem: "This link was made by a newer dmalab: open it in a newer page" };
  }
  if (Number(version) < 1) return { problem: "This is not a dmalab link" };
  const text = await unpack(data!);
  if (typeof text !== "string") return text;
  const shared = readShared(text);
  if (shared === null) return { problem: "This link is broken: it holds no scenario" };
  return { shared, frame: frame as FrameForm };
}

async function unpack(data: string): Promise<string | { readonly problem: string }> {
  const broken = { problem: "This link is broken: a part of it is missing or was changed" };
  try {
    const plain = atob(data.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(plain, (character) => character.charCodeAt(0));
    if (bytes.length === 0) return broken;
    const whole = await through(bytes, new DecompressionStream("deflate-raw"), MAX_TEXT_LENGTH);
    if (whole === null) {
      return { problem: `This link holds more than ${MAX_TEXT_LENGTH} bytes, and is not opened` };
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(whole);
  } catch {
    return broken;
  }
}

/** Parses the JSON of a link, and checks each part of it; null if the JSON is not a project. */
function readShared(text: string): Shared | null {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(read)) return null;
  const { at = null, entry, files, run = 0, seed = null, view = null } = read;
  if (!isRecord(files) || typeof entry !== "string" || !Object.hasOwn(files, entry)) return null;
  const texts = Object.entries(files);
  if (texts.length > MAX_FILES || texts.some(([, each]) => typeof each !== "string")) return null;
  if (!isCount(run)) return null;
  if (seed !== null && !isCount(seed)) return null;
  if (view !== null && typeof view !== "string") return null;
  const isPlace = Array.isArray(at) && at.length === 2 && at.every(isCount);
  if (at !== null && !isPlace) return null;
  return {
    files: Object.fromEntries(texts) as Record<string, string>,
    entry,
    run,
    at: at as Shared["at"],
    view,
    seed,
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Bytes piped through a stream; null when the output exceeds the limit. */
async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const { value } = next;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
