/**
 * Uses the package as a user does, without this project and without a network: in other folders,
 * with an empty cache, an empty home folder, and an npm registry that cannot be reached.
 */
import { TempFolder } from "@dmalab/tools";
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { builtPackage, putPackage } from "./built_package.ts";
import { ROOT } from "./source_text.ts";
import { blankAnsi } from "./deno_process.ts";
import { VERSION } from "@dmalab/cli/extend";

interface ShellOutcome {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a shell to its end.
 * @param options `env` is the whole environment of the shell.
 */
function runShell(command: string, options: Deno.CommandOptions): ShellOutcome {
  const { code, stdout, stderr } = new Deno.Command(command, { ...options, clearEnv: true })
    .outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, output: blankAnsi(text(stdout) + text(stderr)) };
}

/** The whole environment of a user's shell; the home folder and the caches are in `base`. */
export function environment(base: string): Readonly<Record<string, string>> {
  return {
    DENO_DIR: join(base, "cache"),
    DENO_INSTALL_ROOT: base,
    HOME: join(base, "home"),
    NO_COLOR: "1",
    // The registry cannot be reached, so npm must not try it again.
    NPM_CONFIG_FETCH_RETRIES: "0",
    NPM_CONFIG_REGISTRY: "http://127.0.0.1:1/",
    PATH: `${join(base, "bin")}:${Deno.env.get("PATH")}`,
  };
}

/** The caches and the registry of this process, for programs that compile. */
export function ownPlaces(): Readonly<Record<string, string>> {
  const { DENO_DIR, HOME = "", NPM_CONFIG_REGISTRY, XDG_CACHE_HOME } = Deno.env.toObject();
  const cache = DENO_DIR ?? join(XDG_CACHE_HOME ?? `${HOME}/.cache`, "deno");
  const registry = NPM_CONFIG_REGISTRY === undefined ? {} : { NPM_CONFIG_REGISTRY };
  return { DENO_DIR: cache, HOME, ...registry };
}

/** Shell commands that select the caches and the registry of this process. */
export function ownCaches(): string {
  const words = Object.entries(ownPlaces()).map(([name, value]) => `${name}=${value}`);
  return `unset NPM_CONFIG_REGISTRY; export ${words.join(" ")};`;
}

/** Runs one shell line in a user's environment. */
export function shell(base: string, folder: string, line: string): ShellOutcome {
  return runShell("sh", { args: ["-c", line], cwd: folder, env: environment(base) });
}

/** Whether a command exists: users of Deno may have neither Node nor git. */
export function has(command: string): boolean {
  return new Deno.Command("sh", { args: ["-c", `command -v ${command}`], stdout: "null" })
    .outputSync().success;
}

/** Puts the running Deno where npm would install the Deno from the package `deno`. */
export function giveDeno(dist: string): void {
  const { arch, os } = Deno.build;
  const system = `${os}-${arch === "aarch64" ? "arm64" : "x64"}${os === "linux" ? "-glibc" : ""}`;
  for (const name of ["deno", `@deno/${system}`]) {
    const folder = join(dist, "node_modules", name);
    Deno.mkdirSync(folder, { recursive: true });
    Deno.writeTextFileSync(join(folder, "package.json"), "{}");
  }
  Deno.symlinkSync(Deno.execPath(), join(dist, "node_modules/@deno", system, "deno"));
}

/** Runs a test in a temporary folder that contains the package and the tools it needs. */
export async function withPackage(work: (base: string, dist: string) => void | Promise<void>) {
  using base = new TempFolder();
  Deno.mkdirSync(base.at("home"));
  Deno.mkdirSync(base.at("bin"));
  // A link, so that `deno` is the Deno that runs this test, wherever it is installed.
  Deno.symlinkSync(Deno.execPath(), base.at("bin/deno"));
  const dist = base.at("dist");
  putPackage(dist);
  Deno.copyFileSync(join(ROOT, "examples/api/01-two-step-basic.dma"), base.at("two.dma"));
  await work(base.path, dist);
}

/** The last line of output when the three tests of `two.dma` pass. */
export const TWO_PASSES = /^ok \| 3 passed \| 0 failed \| 20 assertions$/m;

/** Installs the command with Deno, into the `bin` of the base folder. */
export function installByDeno(base: string): void {
  const install =
    "deno install -f -g -R -W --allow-run --allow-env=XDG_CACHE_HOME,XDG_RUNTIME_DIR,HOME,DMALAB_TREE,VISUAL,EDITOR,INIT_CWD,SLURM_ARRAY_TASK_ID,JOB_COMPLETION_INDEX,CI_NODE_INDEX,PARALLEL_SEQ --unstable-lazy-dynamic-imports -n dmalab ./dist/lib/main.js";
  assertEquals(shell(base, base, install).code, 0);
}

/** A test that leaves a mapping: it fails only if the run is strict. */
export const LEAK = `machine { pci { root_port rp0 { nvme ssd { } } } }

test "a mapping is left" {
  let m = dma_map_single(ssd, alloc_pages(1), 4KiB, to_device)
  assert m.size == 4KiB
}
`;

/** The folders of one test, below a temporary folder. */
export class Rooms {
  readonly base = Deno.makeTempDirSync({ prefix: "dmalab-init-" });

  /** The command line of `dmalab init`, which creates a project folder. */
  readonly init = `'${Deno.execPath()}' run -R -W '${join(builtPackage(), "lib/main.js")}' init`;

  constructor() {
    Deno.mkdirSync(this.at("bin"));
    for (const name of ["node", "npm", "npx"]) {
      const { stdout } = new Deno.Command("sh", { args: ["-c", `realpath $(command -v ${name})`] })
        .outputSync();
      Deno.symlinkSync(new TextDecoder().decode(stdout).trim(), this.at("bin", name));
    }
    Deno.symlinkSync("/bin/sh", this.at("bin/sh"));
  }

  /** The path of a file below the temporary folder. */
  at(...parts: string[]): string {
    return join(this.base, ...parts);
  }

  /** Runs a shell line. @param isBare Whether the PATH has only Node, npm and a shell. */
  sh(folder: string, line: string, isBare = true): ShellOutcome {
    return runShell("/bin/sh", {
      args: ["-e", "-c", `${ownCaches()} ${line}`],
      cwd: this.at(folder),
      env: { PATH: isBare ? this.at("bin") : Deno.env.get("PATH")!, GIT_CONFIG_NOSYSTEM: "1" },
    });
  }

  clone(folder: string, to: string): void {
    const commit = "git -c user.name=x -c user.email=x@x commit -qm x";
    const line = `git init -q && git add -A && (${commit} || true) && git clone -q . ${
      this.at(to)
    }`;
    const { code, output } = this.sh(folder, line, false);
    assertEquals(code, 0, output);
  }

  end(): void {
    Deno.removeSync(this.base, { recursive: true });
  }

  /** Packs the package into a folder, and installs it there. */
  install(folder: string): void {
    const line = `npm pack --silent '${builtPackage()}' && npm install -D ./dmalab-${VERSION}.tgz`;
    const { code, output } = this.sh(folder, line);
    assertEquals(code, 0, output);
  }
}
