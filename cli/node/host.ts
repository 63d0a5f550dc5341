/**
 * Deno's functions on Node, by the library that Deno's own project keeps for it, and what that does
 * not have.
 */
import { Deno as shim } from "@deno/shim-deno";
import { spawnSync } from "node:child_process";
import { statSync, watch, writeSync } from "node:fs";
import process from "node:process";

/** Node asks for no permissions. */
const PERMISSIONS = { querySync: () => ({ state: "granted" }) };

/** The errors of Deno, by the codes of Node. */
const CODES = {
  BrokenPipe: ["EPIPE"],
  FilesystemLoop: ["ELOOP"],
  IsADirectory: ["EISDIR"],
  NotADirectory: ["ENOTDIR"],
  NotCapable: ["ERR_ACCESS_DENIED"],
  NotFound: ["ENOENT"],
  PermissionDenied: ["EACCES", "EPERM"],
};

/** A class that errors of Node and of the library are both instances of. */
function errorClass(name: string, codes: readonly string[]): unknown {
  const own: unknown = Reflect.get(shim.errors, name);
  return class {
    static [Symbol.hasInstance](error: unknown): boolean {
      return error instanceof Error &&
        (codes.includes(String(Reflect.get(error, "code"))) ||
          typeof own === "function" && error instanceof own);
    }
  };
}

/** The standard input. The library's own waits for ever at the end of a file. */
class Input {
  #pieces: AsyncIterator<Uint8Array> | null = null;
  #rest: Uint8Array = new Uint8Array();
  #hasSignals = false;

  async read(chunk: Uint8Array): Promise<number | null> {
    this.#pieces ??= process.stdin[Symbol.asyncIterator]();
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done === true) return null;
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, chunk.length);
    chunk.set(piece);
    this.#rest = this.#rest.subarray(piece.length);
    return piece.length;
  }

  setRaw(isRaw: boolean, { cbreak = false } = {}): void {
    if (cbreak) {
      // Node has no such mode.
      spawnSync("stty", ["isig"], { stdio: "inherit" });
      this.#hasSignals = true;
      return;
    }
    // Node remembers the mode that it has set, and would leave the terminal as it is.
    if (this.#hasSignals) process.stdin.setRawMode(false);
    this.#hasSignals = false;
    process.stdin.setRawMode(isRaw);
  }
}

const input = new Input();

/** Between two tries to write to a pipe that is full. */
const FULL_MS = 1;
const NEVER = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** An output stream. Node's pipes do not block, and the library's own fails when one is full. */
function output(stream: object, fd: number): object {
  return Object.assign(Object.create(stream), {
    writeSync(bytes: Uint8Array): number {
      for (;;) {
        try {
          return writeSync(fd, bytes);
        } catch (error) {
          if (!(error instanceof Error) || Reflect.get(error, "code") !== "EAGAIN") throw error;
          Atomics.wait(NEVER, 0, 0, FULL_MS);
        }
      }
    },
  });
}

/** Changes of files, from the call on: the library's own watches only from the first question on. */
function watchFs(places: readonly string[]) {
  const changed: string[] = [];
  let wake = () => {};
  const watchers = places.map((place) => {
    statSync(place);
    return watch(place, { recursive: true }, (_, name) => {
      changed.push(name ?? place);
      wake();
    });
  });
  return (async function* () {
    try {
      for (;;) {
        for (const path of changed.splice(0)) yield { kind: "modify", paths: [path] };
        if (changed.length === 0) await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      for (const watcher of watchers) watcher.close();
    }
  })();
}

const OWN = {
  permissions: PERMISSIONS,
  watchFs,
  stdin: Object.assign(Object.create(shim.stdin), {
    read: input.read.bind(input),
    setRaw: input.setRaw.bind(input),
  }),
  stdout: output(shim.stdout, 1),
  stderr: output(shim.stderr, 2),
  errors: Object.fromEntries(
    Object.entries(CODES).map(([name, codes]) => [name, errorClass(name, codes)]),
  ),
  get exitCode(): number {
    return Number(process.exitCode ?? 0);
  },
  set exitCode(code: number) {
    process.exitCode = code;
  },
};

/** What stands for `Deno` on Node. */
export const NODE_HOST = new Proxy(shim as object, {
  get: (target, name) => Reflect.get(Object.hasOwn(OWN, name) ? OWN : target, name),
  set: (_, name, value) => Reflect.set(OWN, name, value),
}) as typeof Deno;
