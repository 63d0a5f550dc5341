/**
 * Finds releases of Node to test with: the release on the PATH, or a release that npm downloads and
 * caches.
 */

/** The releases to request from npm, which has a separate package for each system. */
const RELEASES: Readonly<Record<number, string>> = { 20: "20.20.2", 22: "22.23.3" };

const SYSTEM = `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;

/** The path of a Node of this major release. @throws {Error} If it cannot be found. */
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

/** The output of a program; null if it failed or does not exist. */
function run(command: string, args: readonly string[]): string | null {
  try {
    const { stdout, success } = new Deno.Command(command, { args: [...args] }).outputSync();
    return success ? new TextDecoder().decode(stdout) : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
