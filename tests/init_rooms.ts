/** Folders in which `dmalab init` is tried, as a clone with Node and npm alone has them. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { VERSION } from "@dmalab/cli/package_version";
import { builtPackage } from "./built_package.ts";
import { ownCaches, runShell, type ShellOutcome } from "./package_shell.ts";

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
