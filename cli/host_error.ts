/** Errors of the operating system, which are bugs neither of dmalab nor of a script. */
import { host } from "./host.ts";

/** Whether an error comes from the operating system: a missing file, a full disk. */
export function isHostError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ||
    /\(os error \d+\)/.test(error.message) ||
    error instanceof host.errors.NotCapable || error instanceof host.errors.NotFound ||
    error instanceof host.errors.PermissionDenied;
}

/** Errors of full storage: the disk's space, the user's quota, the largest size of a file. */
const NO_ROOM = /^(?:ENOSPC|EDQUOT|EFBIG)$|\(os error (?:28|122|27)\)/;

/** Whether writing failed because of full storage. */
export function isFullDisk(error: unknown): boolean {
  return error instanceof Error &&
    (NO_ROOM.test(String(Reflect.get(error, "code"))) || NO_ROOM.test(error.message));
}

export function hostReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof host.errors.NotCapable) {
    const variable = error.message.match(/env access to "([^"]+)"/)?.[1];
    if (variable !== undefined) {
      return `Deno was not permitted to read the variable ${variable}; --allow-env=${variable} permits it`;
    }
    return error.message.startsWith("Requires read access")
      ? "Deno was not permitted to look, so it may be missing; start it with -R=DIR for the file's folder"
      : "Deno was not permitted to; give it the permission, as -R=DIR or -W=DIR";
  }
  if (error instanceof host.errors.PermissionDenied) return "the system does not permit it";
  const [said] = error.message.split(/ ?\(os error \d+\)|: [a-z]+ '|, [a-z]+ '/);
  return said!.replace(/^E[A-Z0-9]+: /, "").replace(
    /^[A-Z](?=[a-z ])/,
    (letter) => letter.toLowerCase(),
  );
}
