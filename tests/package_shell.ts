/**
 * The package as a user has it, without this project and without a network: other folders, an empty
 * cache, no home, a registry that is not there.
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

/** Runs a shell to its end. @param options Its environment is all that it has. */
function runShell(command: string, options: Deno.CommandOptions): ShellOutcome {
  const { code, stdout, stderr } = new Deno.Command(command, { ...options, clearEnv: true })
    .outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, output: blankAnsi(text(stdout) + text(stderr)) };
}

/** The whole environment of a user's shell: home and caches are in `base`. */
export function environment(base: string): Readonly<Record<string, string>> {
  return {
    DENO_DIR: join(base, "cache"),
    DENO_INSTALL_ROOT: base,
    HOME: join(base, "home"),
    NO_COLOR: "1",
    // It is not there: one try says so.
    NPM_CONFIG_FETCH_RETRIES: "0",
    NPM_CONFIG_REGISTRY: "http://127.0.0.1:1/",
    PATH: `${join(base, "bin")}:${Deno.env.get("PATH")}`,
  };
}

/** Before the lines of a shell: the caches and the registry of this process. */
export function ownCaches(): string {
  const { DENO_DIR, HOME, NPM_CONFIG_REGISTRY, XDG_CACHE_HOME } = Deno.env.toObject();
  const cache = DENO_DIR ?? join(XDG_CACHE_HOME ?? `${HOME}/.cache`, "deno");
  const registry = NPM_CONFIG_REGISTRY === undefined
    ? ""
    : `NPM_CONFIG_REGISTRY=${NPM_CONFIG_REGISTRY}`;
  return `unset NPM_CONFIG_REGISTRY; export DENO_DIR=${cache} HOME=${HOME} ${registry};`;
}

/** Runs a line of a shell as a user would. */
export function shell(base: string, folder: string, line: string): ShellOutcome {
  return runShell("sh", { args: ["-c", line], cwd: folder, env: environment(base) });
}

/** Whether a command is there: users of Deno may have no Node and no git. */
export function has(command: string): boolean {
  return new Deno.Command("sh", { args: ["-c", `command -v ${command}`], stdout: "null" })
    .outputSync().success;
}

/** Puts the Deno that runs us where npm puts that of the package `deno`. */
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

/** A folder with the package and tools, for as long as a test works in it. */
export async function withPackage(work: (base: string, dist: string) => void | Promise<void>) {
  using base = new TempFolder();
  Deno.mkdirSync(base.at("home"));
  Deno.mkdirSync(base.at("bin"));
  // A link, so that `deno` is the one that runs us wherever it lies.
  Deno.symlinkSync(Deno.execPath(), base.at("bin/deno"));
  const dist = base.at("dist");
  putPackage(dist);
  Deno.copyFileSync(join(ROOT, "examples/api/01-two-step-basic.dma"), base.at("two.dma"));
  await work(base.path, dist);
}

/** The end of the output of the three tests of `two.dma`. */
export const TWO_PASSES = /^ok \| 3 passed \| 0 failed \| 20 assertions$/m;

/** Installs the command by Deno, into the folder's own `bin`. */
export function installByDeno(base: string): void {
  const install =
    "deno install -f -g -R -W --allow-run --allow-env=XDG_CACHE_HOME,XDG_RUNTIME_DIR,HOME,DMALAB_TREE,VISUAL,EDITOR,INIT_CWD,SLURM_ARRAY_TASK_ID,JOB_COMPLETION_INDEX,CI_NODE_INDEX,PARALLEL_SEQ --unstable-lazy-dynamic-imports -n dmalab ./dist/main.js";
  assertEquals(shell(base, base, install).code, 0);
}

/** A test that leaves a mapping, which fails only where the run is strict. */
export const LEAK = `machine { pci { root_port rp0 { nvme ssd { } } } }

test "a mapping is left" {
  let m = dma_map_single(ssd, alloc_pages(1), 4KiB, to_device)
  assert m.size == 4KiB
}
`;

/** A folder for one test. */
export class Rooms {
  readonly base = Deno.makeTempDirSync({ prefix: "dmalab-init-" });

  /** The command line that makes a folder. */
  readonly init = `'${Deno.execPath()}' run -R -W '${join(builtPackage(), "main.js")}' init`;

  constructor() {
    Deno.mkdirSync(this.at("bin"));
    for (const name of ["node", "npm", "npx"]) {
      const { stdout } = new Deno.Command("sh", { args: ["-c", `realpath $(command -v ${name})`] })
        .outputSync();
      Deno.symlinkSync(new TextDecoder().decode(stdout).trim(), this.at("bin", name));
    }
    Deno.symlinkSync("/bin/sh", this.at("bin/sh"));
  }

  /** The path of a file in it. */
  at(...parts: string[]): string {
    return join(this.base, ...parts);
  }

  /** Runs a line of a shell. @param isBare With Node, npm and a shell alone on the PATH. */
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

  /** Puts a packed file of the package into a folder, and installs it there. */
  install(folder: string): void {
    const line = `npm pack --silent '${builtPackage()}' && npm install -D ./dmalab-${VERSION}.tgz`;
    const { code, output } = this.sh(folder, line);
    assertEquals(code, 0, output);
  }
}
