/**
 * Deno's functions on Node, by the library that Deno's own project keeps for it, and what that does
 * not have.
 */
import { Deno as shim } from "@deno/shim-deno";
import process from "node:process";

/** Files of a user who runs Node: nobody asks for permissions there. */
const PERMISSIONS = { querySync: () => ({ state: "granted" }) };

/** Node's names of what its file system can say. */
const CODES = {
  BrokenPipe: ["EPIPE"],
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

const OWN = {
  permissions: PERMISSIONS,
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
