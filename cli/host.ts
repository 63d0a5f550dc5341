import { GIVEN_PERMISSIONS } from "./shell_words.ts";

/**
 * The host of the command line: Deno. All files of `cli/` that are shipped to users access Deno
 * through this constant.
 */
export const host: typeof Deno = Deno;

/** The value of an environment variable; null if the variable is not set or dmalab may not read it. */
export function allowedVariable(variable: string): string | null {
  const { state } = host.permissions.querySync({ name: "env", variable });
  return state === "granted" ? host.env.get(variable) ?? null : null;
}

/** The permissions that were typed before the command's name. A printed command line repeats them. */
export function givenPermissions(): readonly string[] {
  return (allowedVariable(GIVEN_PERMISSIONS) ?? "").split("\n").filter((each) => each !== "");
}
