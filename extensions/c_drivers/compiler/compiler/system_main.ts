/**
 * Runs a system's clang, as a separate program. The system's clang compiles some three times as
 * fast as clang in a WebAssembly module. The texts are untrusted, so each run of clang is confined:
 *
 * - Clang sees only the files of its order: an overlay replaces the whole file system. The overlay
 *   refers to copies in a temporary folder, by numbers.
 * - Clang's environment is empty, and clang reads neither configuration files nor headers of the
 *   system.
 * - The system limits clang's processor time and memory. It also limits the size of written files
 *   to 0, because clang writes its output to a pipe. Only the linker may write a file, its output;
 *   it reads only objects.
 *
 * Clang does not parse inline assembler while it compiles C to LLVM IR. But clang's assembler can
 * open files outside the overlay (`.incbin`), so texts with assembler must not be given to this
 * program.
 *
 * The program reads orders as JSON from the standard input, one on each line, and answers like
 * `compile_main.ts`. It ends when the standard input ends, because the caller has then ended.
 */
interface Order {
  /** Limit of processor time. */
  readonly timeMs: number;
  /** Texts to keep; further orders refer to them by their paths. */
  readonly put: Readonly<Record<string, string>>;
  /** Objects to keep, in base64. */
  readonly objects: Readonly<Record<string, string>>;
  /** Paths of the files that the run may read. */
  readonly names: readonly string[];
  /** Arguments of clang, files last. A run that asks for clang's version has only `--version`. */
  readonly args: readonly string[];
  /** The run's output: `-` for a stream, or for the linker the name of a module. */
  readonly output: string;
}

interface Result {
  readonly module: Uint8Array<ArrayBuffer> | null;
  readonly said: string;
}

/** Thrown when a limit ended a run. */
class Stopped extends Error {
  constructor(readonly limit: "time" | "memory") {
    super(limit);
  }
}

/**
 * Arguments of this program: clang, its linker, the folder for files, and the memory limit in
 * bytes.
 */
const [CLANG = "", LINKER = "", TEMPORARY = "", BYTES = ""] = Deno.args;
/** Exit code of a process that SIGINT ends while it compiles. */
const INTERRUPTED = 130;
/**
 * Sets limits that cannot be set for a child process directly. The limits survive `exec`. The hard time limit ends a
 * process that ignores the soft time limit.
 */
const LIMITED = 'ulimit -c 0 && ulimit -f "$1" && ulimit -v "$2" && ulimit -S -t "$3" && ' +
  'ulimit -H -t "$4" && shift 4 && exec "$@"';
/** Size of clang's libraries, which the memory limit includes. */
const LIBRARY_BYTES = 2 ** 29;
const BLOCK_BYTES = 512;
const OUT_OF_MEMORY = /out of memory|bad_alloc|cannot allocate memory/i;
/**
 * Arguments with a value that differs from file to file. The compiler driver and clang proper take
 * them in the same form.
 */
const OF_FILE = new Set(["-I", "-include", "-include-pch"]);
/** Matches the line with the arguments of clang proper, in the output of the compiler driver. */
const CC1 = /^ "[^"]+" "-cc1" /;
const WASM_LD = /^ "[^"]*wasm-ld[^"]*" /;
/** The file name in the arguments that the compiler driver prints; the compiled file takes its place. */
const PLACEHOLDER = "/dev/null";

function tell(answer: object): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(answer)}\n`);
  for (let sent = 0; sent < bytes.length;) {
    sent += Deno.stdout.writeSync(bytes.subarray(sent));
  }
}

/** Executes orders one after the other. */
class SystemCompiler {
  readonly #folder = Deno.makeTempDirSync({
    dir: TEMPORARY,
    prefix: "dmalab-clang-",
  });
  /** Paths of the copies, by the paths in the orders. */
  readonly #kept = new Map<string, string>();
  /** Cache of the arguments that the compiler driver makes. */
  readonly #drivers = new Map<string, readonly string[]>();
  #count = 0;
  #running: Deno.ChildProcess | null = null;
  /** Number of pending orders. */
  #waiting = 0;

  async serve(): Promise<void> {
    // SIGINT between orders is ignored. Ctrl-C at a terminal interrupts the caller, but the caller
    // may continue and need this process again.
    Deno.addSignalListener("SIGINT", () => {
      if (this.#waiting > 0) this.#end(INTERRUPTED);
    });
    for (const signal of ["SIGTERM", "SIGHUP"] as const) {
      Deno.addSignalListener(signal, () => this.#end(1));
    }
    let last: Promise<void> = Promise.resolve();
    for await (const line of linesOf(Deno.stdin.readable)) {
      this.#waiting++;
      last = last.then(() => this.#obey(JSON.parse(line))).then(
        () => void this.#waiting--,
        (error) => {
          if (error instanceof Stopped) tell({ stopped: error.limit });
          else console.error(error instanceof Error ? error.message : error);
          this.#end(error instanceof Stopped ? 0 : 1);
        },
      );
    }
    this.#end(0);
  }

  #keep(path: string, content: string | Uint8Array): void {
    const at = `${this.#folder}/${this.#count++}`;
    if (typeof content === "string") Deno.writeTextFileSync(at, content);
    else Deno.writeFileSync(at, content);
    this.#kept.set(path, at);
  }

  /** Runs a program with the limits. */
  async #limited(
    program: string,
    args: readonly string[],
    timeMs: number,
    cwd = "/",
    mostFileBytes = 0,
  ): Promise<Deno.CommandOutput> {
    const seconds = Math.max(1, Math.ceil(timeMs / 1000));
    const limits = [
      mostFileBytes / BLOCK_BYTES,
      Math.floor((Number(BYTES) + LIBRARY_BYTES) / 1024),
      seconds,
      seconds + 2,
    ];
    this.#running = new Deno.Command("/bin/sh", {
      args: ["-c", LIMITED, "sh", ...limits.map(String), program, ...args],
      clearEnv: true,
      cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const result = await this.#running.output();
    this.#running = null;
    if (result.signal === "SIGXCPU") throw new Stopped("time");
    return result;
  }

  /**
   * Asks the compiler driver for the arguments of clang proper.
   * @param args The arguments that do not differ from file to file.
   */
  async #byDriver(
    program: RegExp,
    args: readonly string[],
    input: string,
  ): Promise<readonly string[]> {
    const key = JSON.stringify([program.source, args, input]);
    let made = this.#drivers.get(key);
    if (made === undefined) {
      const { stderr } = await this.#limited(
        CLANG,
        ["--no-default-config", "-###", ...args, input, "-o", "-"],
        60_000,
        this.#folder,
      );
      const said = new TextDecoder().decode(stderr);
      const line = said.split("\n").find((each) => program.test(each));
      if (line === undefined) {
        throw new Error(said.trim() || "its driver prints no command");
      }
      made = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
        .map(([, word]) => word!.replace(/\\(.)/g, "$1")).slice(1);
      this.#drivers.set(key, made);
    }
    return made;
  }

  /** The arguments of clang proper that compile one file. */
  async #compiling(
    args: readonly string[],
    overlay: string,
  ): Promise<readonly string[]> {
    const source = args.at(-1)!;
    const own: string[] = [];
    const common: string[] = [];
    for (let at = 0; at < args.length - 1; at++) {
      const word = args[at]!;
      if (OF_FILE.has(word)) own.push(word, args[++at]!);
      else if (/^-D./.test(word)) own.push(word);
      else common.push(word);
    }
    const language = common.includes("-x") ? [] : ["-x", source.endsWith(".ll") ? "ir" : "c"];
    const made = [
      ...await this.#byDriver(CC1, [...common, ...language], PLACEHOLDER),
    ];
    made[made.indexOf("-main-file-name") + 1] = source.slice(
      source.lastIndexOf("/") + 1,
    );
    const words = made.map((word) =>
      /^-f(?:debug|coverage)-compilation-dir=/.test(word)
        ? word.replace(/=.*/, "=/")
        : word === this.#folder
        ? "/"
        : word
    );
    // The first argument that the compiler driver printed, "-cc1", is put back at the front. The
    // source takes the place of the last one, the placeholder.
    return [
      "-cc1",
      "-ivfsoverlay",
      overlay,
      ...own,
      ...words.slice(1, -1),
      source,
    ];
  }

  /**
   * Writes the overlay that replaces clang's file system. The overlay includes header folders without headers,
   * because a path may lead through such a folder.
   *
   * @returns The path of the overlay's description.
   */
  #overlayOf(names: readonly string[], args: readonly string[]): string {
    const at = `${this.#folder}/files.yaml`;
    const folders = args.filter((word, index) => args[index - 1] === "-I" && word !== ".")
      .map((name) => ({ name: `/${name}`, type: "directory", contents: [] }));
    const files = names.map((name) => ({
      name: `/${name}`,
      type: "file",
      "external-contents": this.#kept.get(name)!,
    }));
    const all = {
      version: 0,
      "case-sensitive": true,
      "use-external-names": false,
      "redirecting-with": "redirect-only",
      roots: [...folders, ...files],
    };
    Deno.writeTextFileSync(at, JSON.stringify(all));
    return at;
  }

  async #compile({ args, names, timeMs }: Order): Promise<Result> {
    const all = await this.#compiling(args, this.#overlayOf(names, args));
    const { code, signal, stderr, stdout } = await this.#limited(
      CLANG,
      all,
      timeMs,
    );
    const said = new TextDecoder().decode(stderr);
    if (code === 0) return { module: new Uint8Array(stdout), said };
    if (OUT_OF_MEMORY.test(said)) throw new Stopped("memory");
    if (signal !== null) throw new Error(`was ended by ${signal}`);
    return { module: null, said };
  }

  async #link({ args, names, output, timeMs }: Order): Promise<Result> {
    const common = args.filter((word) => !names.includes(word));
    const [first = ""] = names;
    const object = this.#kept.get(first)!;
    const made = await this.#byDriver(WASM_LD, common, object);
    const at = `${this.#folder}/${output}`;
    const words = made.flatMap((word, index) =>
      word === object
        ? args.filter((each) => names.includes(each)).map((name) => this.#kept.get(name)!)
        : made[index - 1] === "-o"
        ? [at]
        : [word]
    );
    const { code, signal, stderr } = await this.#limited(
      LINKER,
      words,
      timeMs,
      this.#folder,
      Number(BYTES),
    );
    const said = new TextDecoder().decode(stderr);
    if (signal !== null) throw new Error(`wasm-ld was ended by ${signal}`);
    if (code !== 0) return { module: null, said };
    const module = Deno.readFileSync(at);
    Deno.removeSync(at);
    return { module, said };
  }

  async #version(): Promise<Result> {
    const { code, stdout } = await this.#limited(CLANG, ["--version"], 60_000);
    return { module: code === 0 ? new Uint8Array(stdout) : null, said: "" };
  }

  async #obey(order: Order): Promise<void> {
    tell({ begun: true });
    for (const [path, text] of Object.entries(order.put)) {
      this.#keep(path, text);
    }
    for (const [path, text] of Object.entries(order.objects)) {
      this.#keep(path, Uint8Array.fromBase64(text));
    }
    const { module, said } = order.args[0] === "--version"
      ? await this.#version()
      : order.output === "-"
      ? await this.#compile(order)
      : await this.#link(order);
    tell({ made: { module: module?.toBase64() ?? null, said } });
  }

  #end(code: number): never {
    try {
      this.#running?.kill("SIGKILL");
    } catch {
      // The running process has already ended.
    }
    Deno.removeSync(this.#folder, { recursive: true });
    Deno.exit(code);
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string> {
  const parts: string[] = [];
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = text.split("\n");
    parts.push(lines.shift()!);
    for (const line of lines) {
      yield parts.splice(0).join("");
      parts.push(line);
    }
  }
}

await new SystemCompiler().serve();
