import { GIVEN_PERMISSIONS } from "./shell_words.ts";

/** The host of the command line: Deno. All of `cli/` that users get asks it here. */
export const host: typeof Deno = Deno;

/** A variable of the environment; null where it is not set, or may not be read. */
export function allowedVariable(variable: string): string | null {
  const { state } = host.permissions.querySync({ name: "env", variable });
  return state === "granted" ? host.env.get(variable) ?? null : null;
}

/** The permissions that were given before the command's name: a command line that does the same needs them. */
export function givenPermissions(): readonly string[] {
  return (allowedVariable(GIVEN_PERMISSIONS) ?? "").split("\n").filter((each) => each !== "");
}
