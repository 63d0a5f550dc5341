/// <reference lib="deno.worker" />
/**
 * The C compiler, a program of its own: clang as a WebAssembly module from npm. Its package is
 * large, and is downloaded when something is compiled, never before.
 *
 * Reads orders as JSON from the standard input, a line each, and writes a line of JSON for each that
 * it begins and for each that it has done. Texts are sent once.
 *
 * Clang runs in a worker, which hears nothing meanwhile. The main thread ends the process when a run takes
 * more processor time or memory than the arguments say, or when who gave the orders is gone.
 */
import process from "node:process";
import { commands, runLLVM, type Tree } from "@yowasp/clang";

/** A run of clang. */
interface Order {
  /** Texts, and bytes by their base64, that further runs name by their paths. */
  readonly put: Readonly<Record<string, string | { readonly base64: string }>>;
  /** Paths of what it may read. */
  readonly names: readonly string[];
  readonly args: readonly string[];
  readonly output: string;
}

type Files = Readonly<Record<string, string | Uint8Array>>;

/** Between two looks at what a run takes: clang takes some MiB more in that time. */
const WATCH_MS = 50;
/** Has it written to a stream: each piece of a file in the package's own file system copies the file. */
const STREAM = "-";

/** Files as the package takes them: a folder is a tree of its own. */
function treeOf(files: Files): Tree {
  // Names in a tree are a stranger's: `__proto__` may be one.
  const tree: Tree = Object.create(null);
  for (const [path, text] of Object.entries(files)) {
    const parts = path.split("/");
    const last = parts.pop()!;
    let folder = tree;
    for (const part of parts) folder = (folder[part] ??= Object.create(null)) as Tree;
    folder[last] = text;
  }
  return tree;
}

/** What comes in pieces, of which clang writes 150,000 for one driver. */
class Gathered {
  #room = new Uint8Array(2 ** 16);
  #length = 0;

  add(piece: Uint8Array): void {
    const end = this.#length + piece.length;
    if (end > this.#room.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(this.bytes);
      this.#room = larger;
    }
    this.#room.set(piece, this.#length);
    this.#length = end;
  }

  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }
}

/** Before clang runs: what the run before took would be counted with what this one takes. */
function collectGarbage(): void {
  (Reflect.get(globalThis, "gc") as () => void)();
}

/** Runs clang. Null where it makes nothing; what it says is passed on. */
async function clang(
  args: readonly string[],
  output: string,
  files: Files,
  say: (text: string) => void,
): Promise<Uint8Array | null> {
  const decoder = new TextDecoder();
  let hasSaid = false;
  const written = new Gathered();
  const hear = (bytes: Uint8Array | null) => {
    if (bytes === null) return;
    hasSaid = true;
    say(decoder.decode(bytes, { stream: true }));
  };
  try {
    const isStream = output === STREAM;
    const write = (bytes: Uint8Array | null) => void (bytes && written.add(bytes));
    const streams = { stdout: isStream ? write : hear, stderr: hear };
    const made = await commands["clang"]([...args, "-o", output], treeOf(files), streams);
    if (isStream) return written.bytes;
    const bytes = made?.[output];
    // What is text comes as text.
    if (typeof bytes === "string") return new TextEncoder().encode(bytes);
    return bytes instanceof Uint8Array ? bytes : null;
  } catch (error) {
    if (!hasSaid) say(`clang: error: ${error instanceof Error ? error.message : error}\n`);
    return null;
  }
}

/** To the main thread, which passes it on. */
function tell(line: object): void {
  self.postMessage(JSON.stringify(line));
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const parts: string[] = [];
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = text.split("\n");
    parts.push(lines.shift()!);
    for (const line of lines) {
      yield parts.splice(0).join("");
      parts.push(line);
    }
  }
  if (parts.join("") !== "") yield parts.join("");
}

/** @param kept What was sent so far. */
async function obey(line: string, kept: Map<string, string | Uint8Array>): Promise<void> {
  const { args, names, output, put } = JSON.parse(line) as Order;
  tell({});
  for (const [path, sent] of Object.entries(put)) {
    kept.set(path, typeof sent === "string" ? sent : Uint8Array.fromBase64(sent.base64));
  }
  let said = "";
  const files = Object.fromEntries(names.map((name) => [name, kept.get(name)!]));
  collectGarbage();
  const made = await clang(args, output, files, (text) => said += text);
  tell({ made: { module: made?.toBase64() ?? null, said } });
}

/** In the worker: one order after the other. */
function compileOrders(): void {
  // At each piece the package asks the environment several times whether to print what it does.
  process.env = {};
  const kept = new Map<string, string | Uint8Array>();
  // By itself it says how much of it is read.
  let last: Promise<unknown> = Promise.resolve(runLLVM(undefined, {}, { fetchProgress: () => {} }));
  addEventListener("message", (event) => {
    last = last.then(() => obey((event as MessageEvent<string>).data, kept));
    last.catch((error) => setTimeout(() => {
      throw error;
    }));
  });
}

/** In the main thread. */
async function watchWorker(mostMs: number, mostBytes: number): Promise<void> {
  const worker = new Worker(import.meta.url, { type: "module" });
  const write = (line: string) => {
    const bytes = new TextEncoder().encode(`${line}\n`);
    for (let sent = 0; sent < bytes.length;) sent += Deno.stdout.writeSync(bytes.subarray(sent));
  };
  const processorMs = () => {
    const { system, user } = process.cpuUsage();
    return (system + user) / 1000;
  };
  /** When the run began that is being done; null between runs. */
  let begunMs: number | null = null;
  worker.addEventListener("message", ({ data }: MessageEvent<string>) => {
    begunMs = "made" in JSON.parse(data) ? null : processorMs();
    write(data);
  });
  worker.addEventListener("error", (event) => {
    console.error(event.message);
    Deno.exit(1);
  });
  setInterval(() => {
    if (begunMs === null) return;
    const isLarge = Deno.memoryUsage().rss > mostBytes;
    if (!isLarge && processorMs() - begunMs <= mostMs) return;
    write(JSON.stringify({ stopped: isLarge ? "memory" : "time" }));
    Deno.exit(0);
  }, WATCH_MS);
  for await (const line of linesOf(Deno.stdin.readable)) worker.postMessage(line);
  Deno.exit(0);
}

if ("WorkerGlobalScope" in globalThis) compileOrders();
else await watchWorker(Number(Deno.args[0]), Number(Deno.args[1]));
