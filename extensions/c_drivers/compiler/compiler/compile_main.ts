/// <reference lib="deno.worker" />
/**
 * The C compiler, a separate program: clang as a WebAssembly module from npm. The package of clang
 * is large, and is downloaded only when something is compiled.
 *
 * The program reads orders as JSON from the standard input, one on each line. It writes a line of
 * JSON at the beginning and at the end of each order. An order is a driver, or one run of clang
 * with given arguments. A text for runs of clang is sent once, and later runs refer to it by its
 * path. V8 keeps the module's code; each run has a new instance with new memory.
 *
 * Clang runs in a worker, which receives no messages while clang runs. The main thread ends the
 * process if an order exceeds its limit of processor time or memory. It also ends the process when
 * the standard input ends, because the caller has then ended.
 */
import process from "node:process";
import { commands, runLLVM, type Tree } from "@yowasp/clang";

/** An order to compile and link a driver. */
interface DriverOrder {
  /** Limit of processor time. */
  readonly timeMs: number;
  /** Arguments that compile C to objects, and arguments that link objects into a module. */
  readonly compiling: readonly string[];
  readonly linking: readonly string[];
  /** Largest number of bytes of static data. */
  readonly staticBytes: number;
  readonly job: Job;
}

interface Job {
  readonly source: string;
  readonly support: string;
  readonly more?: readonly string[];
  /** Texts by their paths. */
  readonly files: Readonly<Record<string, string>>;
}

interface SingleRun {
  /** Limit of processor time. */
  readonly timeMs: number;
  /** Texts to keep; further orders refer to them by their paths. */
  readonly put: Readonly<Record<string, string>>;
  /** Objects to keep, in base64. */
  readonly objects: Readonly<Record<string, string>>;
  /** Paths of the files that the run may read. */
  readonly names: readonly string[];
  readonly args: readonly string[];
  readonly output: string;
}

type Files = Readonly<Record<string, string | Uint8Array>>;

const OUTPUT = "driver.wasm";
/** Time between two checks of a job's resources; clang takes only some MiB more in that time. */
const WATCH_MS = 50;
/**
 * Garbage is collected after this time without an order, and not earlier, because another order may
 * follow at once.
 */
const IDLE_MS = 250;
/** Exit code of a process that SIGINT ends while it compiles. */
const INTERRUPTED = 130;
/**
 * The output goes to a stream, because in the package's own file system each write to a file copies
 * the file.
 */
const STREAM = "-";
/** A size directive in assembler with a number as its value: the size of a static variable. */
const SIZE = /^\t\.size\t(\S+), (\d+)$/gm;
const MODULE_HEAD_BYTES = 8;
const CUSTOM_SECTION = 0;
/** The beginning of the section "linking": its name's length, the name, and the version. */
const LINKING_HEAD = "\x07linking\x02";
const SYMBOL_TABLE = 8;
const SYMBOL = { DATA: 1, SECTION: 3 } as const;
const SYMBOL_FLAG = { UNDEFINED: 0x10, EXPLICIT_NAME: 0x40 } as const;

/** Converts files to the package's form, in which a folder is a nested object. */
function treeOf(files: Files): Tree {
  // Names are untrusted: `__proto__` may be one.
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

/** Collects output that arrives in pieces: clang writes 150,000 pieces for one driver. */
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

/**
 * Called before clang runs. Otherwise the memory of the previous run would be added to the memory
 * of this run.
 */
function collectGarbage(): void {
  (Reflect.get(globalThis, "gc") as () => void)();
}

/** Runs clang, and passes its messages to `say`. @returns Null without output. */
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
    // The package returns textual output as a string.
    if (typeof bytes === "string") return new TextEncoder().encode(bytes);
    return bytes instanceof Uint8Array ? bytes : null;
  } catch (error) {
    if (!hasSaid) say(`clang: error: ${error instanceof Error ? error.message : error}\n`);
    return null;
  }
}

/** Sizes of static variables in bytes, by name. */
type Sizes = ReadonlyMap<string, number>;

/**
 * Reads sizes of variables from the symbol table of an object. The object's data segments do not show
 * these sizes: for a variable of 4 GiB or more the compiler writes the size modulo 4 GiB.
 *
 * @see WebAssembly tool conventions, Linking
 */
function sizesIn(object: Uint8Array): Sizes {
  const sizes = new Map<string, number>();
  const places = new Set<string>();
  const decoder = new TextDecoder("latin1");
  let at = MODULE_HEAD_BYTES;
  const number = () => {
    for (let value = 0, unit = 1;; unit *= 128) {
      const byte = object[at++] ?? 0;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  };
  const text = (length: number) => decoder.decode(object.subarray(at, at += length));
  /** Iterates over subsections, each of which begins with its number and its length. */
  const parts = (end: number, read: (part: number, end: number) => void) => {
    while (at < end) {
      const part = object[at++]!;
      const next = Math.min(end, number() + at);
      read(part, next);
      at = next;
    }
  };
  const symbol = () => {
    const kind = object[at++]!;
    const flags = number();
    const isDefined = (flags & SYMBOL_FLAG.UNDEFINED) === 0;
    if (kind !== SYMBOL.DATA) number();
    const isNamed = isDefined || (flags & SYMBOL_FLAG.EXPLICIT_NAME) !== 0;
    const name = kind === SYMBOL.DATA || (kind !== SYMBOL.SECTION && isNamed) ? text(number()) : "";
    if (kind !== SYMBOL.DATA || !isDefined) return;
    const place = `${number()}:${number()}`;
    const bytes = number();
    // A variable may have several names, but is counted once.
    if (!places.has(place)) sizes.set(name, bytes);
    places.add(place);
  };
  parts(object.length, (section, end) => {
    if (section !== CUSTOM_SECTION || text(LINKING_HEAD.length) !== LINKING_HEAD) return;
    parts(end, (part, end) => {
      if (part !== SYMBOL_TABLE) return;
      // The count is untrusted: the driver's assembler can write a section with the name "linking".
      for (let left = number(); left > 0 && at < end; left--) symbol();
    });
  });
  return sizes;
}

/** The message if static data is too large; else "". */
function tooLarge(sizes: Sizes, mostBytes: number): string {
  const sum = [...sizes.values()].reduce((all, bytes) => all + bytes, 0);
  if (sum <= mostBytes) return "";
  const [name, bytes] = [...sizes].reduce((a, b) => a[1] >= b[1] ? a : b);
  return `dmalab: static data: ${sum} bytes, ${bytes} of them in ${name.split(".").pop()}\n`;
}

interface Made {
  readonly module: string | null;
  readonly said: string;
}

/**
 * Objects of the support file, which is linked with every driver. The file is compiled once for
 * each combination of text and arguments.
 */
type Supports = Map<string, Uint8Array | null>;

/** Compiles the driver of an order. */
class Compiler {
  constructor(readonly order: DriverOrder, readonly supports: Supports) {}

  async compile(): Promise<Made> {
    const { job, linking, staticBytes } = this.order;
    let said = "";
    const say = (text: string) => said += text;
    const object = await this.#run(["-c", ...job.more ?? [], job.source], job, say);
    const sizes = object === null ? await this.#assembledSizes(job) : sizesIn(object);
    const large = tooLarge(sizes, staticBytes);
    // If clang made no object, its own message says only that it is out of memory.
    if (large !== "") return { module: null, said: object === null ? large : said + large };
    if (object === null) return { module: null, said };
    const support = await this.#supportOf(job);
    if (support === null) throw new Error("The support file cannot be compiled");
    const objects = { "driver.o": object, "support.o": support };
    const module = await clang([...linking, ...Object.keys(objects)], OUTPUT, objects, say);
    return { module: module?.toBase64() ?? null, said };
  }

  /**
   * Sizes from the assembler text. They are used if no object can be made; empty if the C text has
   * errors.
   */
  async #assembledSizes(job: Job): Promise<Sizes> {
    const bytes = await this.#run(["-S", ...job.more ?? [], job.source], job, () => {});
    const text = new TextDecoder().decode(bytes ?? new Uint8Array());
    return new Map([...text.matchAll(SIZE)].map(([, name, size]) => [name!, Number(size)]));
  }

  async #supportOf(job: Job): Promise<Uint8Array | null> {
    // The support file includes nothing, so the key needs no other text.
    const key = JSON.stringify([this.order.compiling, job.files[job.support]]);
    const known = this.supports.get(key);
    if (known !== undefined) return known;
    const object = await this.#run(["-c", job.support], job, (said) => console.error(said));
    this.supports.set(key, object);
    return object;
  }

  #run(
    args: readonly string[],
    { files }: Job,
    say: (text: string) => void,
  ): Promise<Uint8Array | null> {
    collectGarbage();
    return clang([...this.order.compiling, ...args], STREAM, files, say);
  }
}

/** A message from the worker to the main thread. */
interface Message {
  /** The line to be written for the caller. */
  readonly line: string;
  /** Processor time limit of the order that begins; null if an order has ended. */
  readonly timeMs: number | null;
}

function tell(answer: object, timeMs: number | null = null): void {
  const message: Message = { line: JSON.stringify(answer), timeMs };
  self.postMessage(message);
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

/** Runs clang once. @param files All files sent so far. */
async function single(
  { args, names, objects, output, put }: SingleRun,
  files: Map<string, string | Uint8Array>,
): Promise<Made> {
  for (const [path, text] of Object.entries(put)) files.set(path, text);
  for (const [path, text] of Object.entries(objects)) files.set(path, Uint8Array.fromBase64(text));
  let said = "";
  const named = Object.fromEntries(names.map((name) => [name, files.get(name)!]));
  collectGarbage();
  const made = await clang(args, output, named, (text) => said += text);
  return { module: made?.toBase64() ?? null, said };
}

/** The worker: executes orders one after the other. */
function compileOrders(): void {
  // Empty, because at each write the package reads environment variables several times for its
  // debug output.
  process.env = {};
  const files = new Map<string, string | Uint8Array>();
  const supports: Supports = new Map();
  const obey = async (line: string) => {
    const order = JSON.parse(line) as DriverOrder | SingleRun;
    tell({ begun: true }, order.timeMs);
    const made = await ("args" in order
      ? single(order, files)
      : new Compiler(order, supports).compile());
    tell({ made });
  };
  // The empty callback replaces the package's own progress output.
  let last: Promise<unknown> = Promise.resolve(runLLVM(undefined, {}, { fetchProgress: () => {} }));
  let idle: ReturnType<typeof setTimeout> | undefined;
  addEventListener("message", (event) => {
    clearTimeout(idle);
    last = last.then(() => obey((event as MessageEvent<string>).data));
    last.then(() => {
      // Frees the memory of the last run while the process is idle.
      clearTimeout(idle);
      idle = setTimeout(collectGarbage, IDLE_MS);
    }, (error) =>
      setTimeout(() => {
        throw error;
      }));
  });
}

/** The main thread: passes orders on and enforces the limits. */
async function watchWorker(mostBytes: number): Promise<void> {
  const worker = new Worker(import.meta.url, { type: "module" });
  const write = (line: string) => {
    const bytes = new TextEncoder().encode(`${line}\n`);
    for (let sent = 0; sent < bytes.length;) sent += Deno.stdout.writeSync(bytes.subarray(sent));
  };
  const processorMs = () => {
    const { system, user } = process.cpuUsage();
    return (system + user) / 1000;
  };
  /** The deadline of the running order; null between orders. */
  let endMs: number | null = null;
  let timer: ReturnType<typeof setInterval> | undefined;
  const watch = () => {
    const isLarge = Deno.memoryUsage().rss > mostBytes;
    if (!isLarge && processorMs() <= endMs!) return;
    write(JSON.stringify({ stopped: isLarge ? "memory" : "time" }));
    Deno.exit(0);
  };
  worker.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    const { line, timeMs } = data;
    clearInterval(timer);
    endMs = timeMs === null ? null : processorMs() + timeMs;
    if (timeMs !== null) timer = setInterval(watch, WATCH_MS);
    write(line);
  });
  worker.addEventListener("error", (event) => {
    console.error(event.message);
    Deno.exit(1);
  });
  // SIGINT between orders is ignored. Ctrl-C at a terminal interrupts the caller, but the caller
  // may continue and need this process again.
  Deno.addSignalListener("SIGINT", () => {
    if (endMs !== null) Deno.exit(INTERRUPTED);
  });
  for await (const line of linesOf(Deno.stdin.readable)) worker.postMessage(line);
  Deno.exit(0);
}

if ("WorkerGlobalScope" in globalThis) compileOrders();
else await watchWorker(Number(Deno.args[0]));
