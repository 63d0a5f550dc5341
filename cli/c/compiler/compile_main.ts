/**
 * The compiler of C, a program of its own: clang as a WebAssembly module from npm. Its package is
 * large, and is downloaded when something is compiled, never before.
 *
 * Reads orders as JSON from the standard input, a line each, and writes a line of JSON for each job
 * that it begins and for each that it has done. Files of a kernel tree are compiled one by one, by
 * arguments of their own; their texts are sent once.
 */
import process from "node:process";
import { commands, runLLVM, type Tree } from "@yowasp/clang";

/** What is to be done. */
interface Orders {
  /** Arguments that make LLVM's own language of C, and those that make a module of that. */
  readonly compiling: readonly string[];
  readonly linking: readonly string[];
  /** The most bytes of static data. */
  readonly staticBytes: number;
  readonly jobs: readonly Job[];
}

/** One driver that is to be compiled. */
interface Job {
  readonly source: string;
  readonly support: string;
  readonly more?: readonly string[];
  /** Texts by their paths. */
  readonly files: Readonly<Record<string, string>>;
}

/** One run of clang. */
interface SingleRun {
  /** Texts that further runs name by their paths. */
  readonly put: Readonly<Record<string, string>>;
  /** Paths of the texts that it may read. */
  readonly names: readonly string[];
  readonly args: readonly string[];
  readonly output: string;
}

type Files = Readonly<Record<string, string | Uint8Array>>;

const OUTPUT = "driver.wasm";
/** Has it written to a stream: each piece of a file in the package's own file system copies the file. */
const STREAM = "-";
/** A static variable: its name, and its type with what it begins with. */
const VARIABLE = /^@(?:"([^"]+)"|([\w.$]+)) = .*?\b(?:global|constant) (.*)$/gm;
const NAMED_TYPE = /^(%[\w."]+) = type (.*)$/gm;
/** How many bytes the other types of LLVM's own language have at least. */
const BYTES: Readonly<Record<string, number>> = { float: 4, double: 8, ptr: 8 };

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

/**
 * Static variables that are too large. The compiler would write out each byte of them.
 * @param text In LLVM's own language.
 */
function tooLarge(text: string, mostBytes: number): string {
  const types = new Map([...text.matchAll(NAMED_TYPE)].map(([, name, type]) => [name!, type!]));
  const sizes = new Map<string, number>();
  /** The size of a type at an offset of a text, and where it ends. */
  const read = (type: string, at: number): [bytes: number, end: number] => {
    const opening = /[<[{]*/y;
    opening.lastIndex = at;
    const [open] = opening.exec(type)!;
    if (open[0] === "[") {
      const [head, count] = /^\[(\d+) x /.exec(type.slice(at))!;
      const [bytes, end] = read(type, at + head.length);
      return [Number(count) * bytes, end + 1];
    }
    if (open !== "") {
      let sum = 0;
      let end = at + (open.startsWith("<{") ? 2 : 1);
      while (!/[}>]/.test(type[end] ?? "}")) {
        if (/[ ,]/.test(type[end]!)) {
          end++;
          continue;
        }
        const [bytes, next] = read(type, end);
        sum += bytes;
        end = next;
      }
      return [sum, end + (open.startsWith("<{") ? 2 : 1)];
    }
    const [word = " "] = /^[%\w."]+/.exec(type.slice(at)) ?? [];
    return [sizeOf(word), at + word.length];
  };
  const sizeOf = (word: string): number => {
    const known = sizes.get(word) ?? BYTES[word];
    if (known !== undefined) return known;
    sizes.set(word, 0);
    const bytes = types.has(word) ? read(types.get(word)!, 0)[0] : Number(word.slice(1)) / 8 || 0;
    sizes.set(word, bytes);
    return bytes;
  };
  const variables = [...text.matchAll(VARIABLE)].map(([, quoted, plain, type]) => {
    return { name: (quoted ?? plain)!, bytes: read(type!, 0)[0] };
  });
  const sum = variables.reduce((bytes, each) => bytes + each.bytes, 0);
  if (sum <= mostBytes) return "";
  const { bytes, name } = variables.reduce((a, b) => a.bytes >= b.bytes ? a : b);
  return `dmalab: static data: ${sum} bytes, ${bytes} of them in ${name.split(".").pop()}\n`;
}

/** Compiles the drivers of some orders. */
class Compiler {
  /** What is linked with every driver, by its text: compiled once. */
  readonly #supports = new Map<string, Uint8Array | null>();

  constructor(readonly orders: Orders) {}

  async compile(job: Job): Promise<{ module: string | null; said: string }> {
    const { compiling, linking, staticBytes } = this.orders;
    let said = "";
    const say = (text: string) => said += text;
    const { files, more = [], source } = job;
    const args = [...compiling, ...more, "-S", "-emit-llvm", source];
    const driver = await clang(args, STREAM, files, say);
    if (driver === null) return { module: null, said };
    const large = tooLarge(new TextDecoder().decode(driver), staticBytes);
    if (large !== "") return { module: null, said: said + large };
    const support = await this.#supportOf(job);
    if (support === null) throw new Error("The support file cannot be compiled");
    const object = await this.#objectOf(driver, say);
    if (object === null) return { module: null, said };
    const objects = { "driver.o": object, "support.o": support };
    const module = await clang([...linking, ...Object.keys(objects)], OUTPUT, objects, say);
    return { module: module?.toBase64() ?? null, said };
  }

  async #supportOf({ files, support }: Job): Promise<Uint8Array | null> {
    const text = files[support]!;
    const known = this.#supports.get(text);
    if (known !== undefined) return known;
    const say = (said: string) => console.error(said);
    const args = [...this.orders.compiling, "-S", "-emit-llvm", support];
    const made = await clang(args, STREAM, files, say);
    const object = made && await this.#objectOf(made, say);
    this.#supports.set(text, object);
    return object;
  }

  /** @param text In LLVM's own language. */
  #objectOf(text: Uint8Array, say: (text: string) => void): Promise<Uint8Array | null> {
    return clang([...this.orders.linking, "-c", "text.ll"], STREAM, { "text.ll": text }, say);
  }
}

async function tell(line: object): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
  for (let sent = 0; sent < bytes.length;) sent += await Deno.stdout.write(bytes.subarray(sent));
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

/** @param texts What was sent so far. */
async function single(
  { args, names, output, put }: SingleRun,
  texts: Map<string, string>,
): Promise<void> {
  for (const [path, text] of Object.entries(put)) texts.set(path, text);
  let said = "";
  const files = Object.fromEntries(names.map((name) => [name, texts.get(name)!]));
  const made = await clang(args, output, files, (text) => said += text);
  await tell({ job: 0, made: { module: made?.toBase64() ?? null, said } });
}

async function obey(): Promise<void> {
  const texts = new Map<string, string>();
  for await (const line of linesOf(Deno.stdin.readable)) {
    const orders = JSON.parse(line) as Orders | SingleRun;
    if ("args" in orders) {
      await single(orders, texts);
      continue;
    }
    const compiler = new Compiler(orders);
    for (const [job, each] of orders.jobs.entries()) {
      await tell({ job });
      await tell({ job, made: await compiler.compile(each) });
    }
  }
}

// At each piece the package asks the environment several times whether to print what it does.
process.env = {};
// By itself it says how much of it is read.
await runLLVM(undefined, {}, { fetchProgress: () => {} });
await obey();
