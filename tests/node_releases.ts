/** Releases of Node to test with: the one on the PATH, or one from npm, which keeps it. */

/** The releases that are requested from npm; npm has one package for each system. */
const RELEASES: Readonly<Record<number, string>> = { 20: "20.20.2", 22: "22.23.3" };

const SYSTEM = `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;

/** The path of a Node of this major release. @throws {Error} When none is available. */
export function nodeRelease(major: number): string {
  const print = "console.log(process.versions.node.split('.')[0], process.execPath)";
  const found = run("node", ["-e", print]);
  const [own, path] = found?.trim().split(" ") ?? [];
  if (own === String(major)) return path!;
  const wanted = `node-${SYSTEM}@${RELEASES[major]}`;
  const got = run("npx", ["-y", `--package=${wanted}`, "--", "node", "-e", print]);
  if (got === null) throw new Error(`npm does not give ${wanted}`);
  return got.trim().split(" ")[1]!;
}

/** The output of a program; null when it failed, or is not there. */
function run(command: string, args: readonly string[]): string | null {
  try {
    const { stdout, success } = new Deno.Command(command, { args: [...args] }).outputSync();
    return success ? new TextDecoder().decode(stdout) : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
