/** Reads what a kernel module's `.modinfo` section says: dependencies, name, release. */
import { Buffer } from "node:buffer";

/** The dependencies of a module. */
export interface ModuleNeeds {
  /** Names of modules with underscores, as the kernel lists them. */
  readonly depends: readonly string[];
}

/**
 * Reads `depends=` and `softdep=pre:` of a module. Packages contain no `modules.dep`, because that file is
 * created when a package is installed.
 *
 * @param bytes An uncompressed `.ko` file.
 */
export function moduleNeeds(bytes: Uint8Array): ModuleNeeds {
  const depends = valuesOf(bytes, "depends=").flatMap((value) => value.split(","));
  const soft = valuesOf(bytes, "softdep=").flatMap((value) =>
    /\bpre: ([^:]*)(?:$| post:)/.exec(value)?.[1]?.trim().split(/\s+/) ?? []
  );
  return { depends: [...depends, ...soft].filter((name) => name !== "").map(moduleName) };
}

/** The name of a module, with underscores, and the release it is built for; null without one. */
export function moduleFacts(bytes: Uint8Array): {
  readonly name: string | null;
  readonly release: string | null;
} {
  const [name] = valuesOf(bytes, "name=");
  const [magic] = valuesOf(bytes, "vermagic=");
  return {
    name: name === undefined ? null : moduleName(name),
    release: magic?.split(" ")[0] ?? null,
  };
}

/** A module's name with underscores. Names of files and dependencies may contain `-` in place of `_`. */
export function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}

/** Values of a key in a list of texts that each end with a zero byte. */
function valuesOf(bytes: Uint8Array, key: string): string[] {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = `\0${key}`;
  const values: string[] = [];
  for (let at = whole.indexOf(wanted); at >= 0; at = whole.indexOf(wanted, at + 1)) {
    const start = at + wanted.length;
    const end = bytes.indexOf(0, start);
    values.push(new TextDecoder().decode(bytes.subarray(start, end < 0 ? undefined : end)));
  }
  return values;
}
