/**
 * The command `dmalab` where Node starts it, or `launch.sh` leaves the line to it: runs `main.js` by Deno, with the permissions
 * of the command.
 * Deno is the one that the npm package `deno` brings, or where that has none for the platform, the one
 * on the PATH.
 */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  DENO_VERSION,
  denoOptions,
  GIVEN_PERMISSIONS,
  type Permissions,
  permissionsOf,
} from "@dmalab/cli/extend";

const OWN = dirname(fileURLToPath(import.meta.url));
const CANNOT_START = 2;
/** The data of the commands' records, written when the package was built. */
const PERMISSIONS: Permissions = JSON.parse(
  readFileSync(join(OWN, "permissions.json"), "utf8"),
);

/** The program of the package `deno`; null where it has none for this platform. */
function packaged(): string | null {
  const [file, library] = process.platform === "win32"
    ? ["deno.exe", ""]
    : ["deno", process.platform === "linux" ? "-glibc" : ""];
  const name = `@deno/${process.platform}-${process.arch}${library}/package.json`;
  try {
    const brought = createRequire(createRequire(import.meta.url).resolve("deno/package.json"));
    // By the path that it knows itself by: the permission to start the compiler names it.
    return realpathSync(join(dirname(brought.resolve(name)), file));
  } catch {
    return null;
  }
}

/** The one on the PATH, of this major version and not older than the one that dmalab is tested with. */
function installed(): string | null {
  const print = "console.log(JSON.stringify([Deno.version.deno, Deno.execPath()]))";
  const { status, stdout } = spawnSync("deno", ["eval", print], { encoding: "utf8" });
  if (status !== 0) return null;
  const [version, path] = JSON.parse(stdout) as [string, string];
  const parts = (text: string) => text.split(".").map(Number) as [number, number];
  const [[major, minor], [wanted, least]] = [parts(version), parts(DENO_VERSION)];
  return major === wanted && minor >= least ? path : null;
}

function start(deno: string): void {
  const { added, flags, words } = permissionsOf(
    PERMISSIONS,
    process.argv.slice(2),
    OWN,
    deno,
    process.env,
  );
  // Deno starts the compiler of C only without what would change how programs are loaded.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:LD|DYLD)_/.test(name)),
  );
  // By a message a program at a terminal has all that it was started with stopped, as Ctrl-Z does.
  const stops = PERMISSIONS[words[0] ?? ""]?.edits && process.platform !== "win32";
  const child = spawn(
    deno,
    ["run", ...denoOptions(OWN), ...flags, join(OWN, "main.js"), ...words],
    {
      env: { ...env, DENO_NO_UPDATE_CHECK: "1", [GIVEN_PERMISSIONS]: added.join("\n") },
      stdio: ["inherit", "inherit", "inherit", ...stops ? ["ipc" as const] : []],
    },
  );
  const isAtTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
    // A terminal sends its Ctrl-C to both; the second one would end what the first one interrupts.
    process.on(signal, () => signal === "SIGINT" && isAtTerminal || child.kill(signal));
  }
  child.on("message", () => process.kill(0, "SIGSTOP"));
  child.on("error", (error) => {
    console.error(`error: Cannot start ${deno}: ${error.message}`);
    process.exitCode = CANNOT_START;
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exitCode = code!;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}

const deno = packaged() ?? installed();
if (deno !== null) start(deno);
else {
  console.error(
    `error: There is no Deno: the npm package "deno" is not installed beside dmalab, or has none ` +
      `for this system; put Deno ${DENO_VERSION} on the PATH`,
  );
  process.exitCode = CANNOT_START;
}
