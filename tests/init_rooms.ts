/** Folders in which `dmalab init` is tried, with the programs that may be started there. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { builtPackage } from "./built_package.ts";
import { nodeRelease } from "./node_releases.ts";
import { blankAnsi } from "./text.ts";

/** A test that leaves a mapping, which fails only where the run is strict. */
export const LEAK = `machine { pci { root_port rp0 { nvme ssd { } } } }

test "a mapping is left" {
  let m = dma_map_single(ssd, alloc_pages(1), 4KiB, to_device)
  assert m.size == 4KiB
}
`;

export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** A folder for one test, with links to the programs that may be started. */
export class Rooms {
  readonly base = Deno.makeTempDirSync({ prefix: "dmalab-init-" });

  /** The command line that makes a folder, by a Node that is on the PATH. */
  readonly init = `node '${join(builtPackage(), "bin.js")}' init`;

  constructor() {
    const { stdout } = new Deno.Command("sh", { args: ["-c", "realpath $(command -v npm)"] })
      .outputSync();
    const npm = new TextDecoder().decode(stdout).trim();
    for (const major of [20, 22]) {
      this.#makePath(`node${major}`, { node: nodeRelease(major), npm, sh: "/bin/sh" });
    }
    Deno.mkdirSync(this.at("home"));
  }

  /** The path of a file in it. */
  at(...parts: string[]): string {
    return join(this.base, ...parts);
  }

  /** Makes a folder of links, to be a PATH. */
  #makePath(name: string, programs: Readonly<Record<string, string>>): void {
    Deno.mkdirSync(this.at(name));
    for (const [link, path] of Object.entries(programs)) {
      Deno.symlinkSync(path, this.at(name, link));
    }
  }

  /** Runs a line of a shell. @param path The folder of links that is the PATH; null for our own. */
  sh(path: string | null, folder: string, line: string): Outcome {
    const { code, stdout, stderr } = new Deno.Command("/bin/sh", {
      args: ["-e", "-c", line],
      cwd: this.at(folder),
      clearEnv: true,
      env: {
        HOME: this.at("home"),
        DENO_DIR: this.at("cache"),
        NPM_CONFIG_FETCH_RETRIES: "0",
        NPM_CONFIG_REGISTRY: "http://127.0.0.1:1/",
        PATH: path === null ? Deno.env.get("PATH")! : this.at(path),
        GIT_CONFIG_NOSYSTEM: "1",
      },
    }).outputSync();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, output: blankAnsi(text(stdout) + text(stderr)) };
  }

  clone(folder: string, to: string): void {
    const commit = "git -c user.name=x -c user.email=x@x commit -qm x";
    const line = `git init -q && git add -A && (${commit} || true) && git clone -q . ${
      this.at(to)
    }`;
    const { code, output } = this.sh(null, folder, line);
    assertEquals(code, 0, output);
  }

  end(): void {
    Deno.removeSync(this.base, { recursive: true });
  }

  /** Makes the folder `lab` by Node 20, and its clone `clone`. */
  makeLab(): void {
    const { code, output } = this.sh("node20", ".", `${this.init} lab`);
    assertEquals(code, 0, output);
    this.clone("lab", "clone");
  }

  /** What people start in a clone: it runs the scenarios, and is strict. */
  tryRunner(node: string): void {
    for (const line of ["node --test", "npm test"]) {
      const { code, output } = this.sh(node, "clone", line);
      assertEquals(code, 0, output);
      assertMatch(output, /^# pass 2$/m);
    }
    const run = this.sh(node, "clone", "npm run dmalab run first.dma");
    assertMatch(run.output, /^ok \| 1 passed \| 0 failed \| 4 assertions$/m);
    Deno.writeTextFileSync(this.at("clone/leak.dma"), LEAK);
    const { code, output } = this.sh(node, "clone", "node --test");
    Deno.removeSync(this.at("clone/leak.dma"));
    assertEquals(code, 1, output);
    // The runner's own place is the scenario's.
    assertMatch(output, /location: '.*\/clone\/leak\.dma:3:1'/);
    assertStringIncludes(output, "--> leak.dma:4:3");
  }
}
