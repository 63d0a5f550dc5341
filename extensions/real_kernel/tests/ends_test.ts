/** A boot that a signal ends leaves no program running, and no temporary folder. */
import { assertEquals } from "@std/assert";
import { processesBelow, runningProcesses, TempFolder } from "@dmalab/tools";
import { ROOT } from "@dmalab/tests";
import { kernelImage } from "./kernel_image.ts";

const SIGNALS = [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const;

/** A program that waits; as QEMU it says its version. */
const WAITS = `#!/bin/sh
[ "$1" = --version ] && echo "QEMU emulator version 7.2.22" && exit
exec sleep 60
`;
/** A compiler that writes a file. */
const COMPILES = '#!/bin/sh\nfor word; do [ "$last" = -o ] && echo x > "$word"; last=$word; done\n';

const SCENARIO = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } }
}
test "one read" { ssd.read(lba: 0, into: alloc_pages(1)) }
`;

/** What a boot waits for: the program that unpacks a package, or QEMU. */
const KERNELS = { "dpkg-deb": "kernel.deb", "qemu-system-x86_64": "vmlinuz" } as const;

for (const [waiting, kernel] of Object.entries(KERNELS)) {
  for (const [signal, exitCode] of SIGNALS) {
    Deno.test({
      name: `${signal} ends a boot that waits for ${waiting}`,
      ignore: Deno.build.os === "windows",
      async fn() {
        using folder = new TempFolder({ "x.dma": SCENARIO, "kernel.deb": "" });
        folder.write("vmlinuz", kernelImage({ release: "6.12.117 (a@b) #1" }));
        Deno.mkdirSync(folder.at("tmp"));
        for (
          const [name, text] of [["cc", COMPILES], ["dpkg-deb", WAITS], [
            "qemu-system-x86_64",
            WAITS,
          ]] as const
        ) {
          Deno.chmodSync(folder.write(`bin/${name}`, text), 0o755);
        }
        const child = new Deno.Command(Deno.execPath(), {
          args: [
            ...["run", "-A", "--no-check", `${ROOT}/bin/main.ts`],
            ...["kernel", "run", "x.dma", "--kernel", kernel],
          ],
          cwd: folder.path,
          env: {
            TMPDIR: folder.at("tmp"),
            PATH: `${folder.at("bin")}:${Deno.env.get("PATH")}`,
            // The command's cache, and not that of Deno.
            XDG_CACHE_HOME: folder.at("cache"),
            DENO_DIR: denoFolder(),
          },
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).spawn();
        let below: readonly number[] = [];
        const isWaiting = () =>
          below.length > 0 && [...Deno.readDirSync(folder.at("tmp"))].length > 0;
        while (!isWaiting()) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          below = processesBelow(child.pid);
        }
        child.kill(signal);
        const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
        const { code } = await child.status;
        clearTimeout(late);
        // A program that was told to end may take a moment.
        await new Promise((resolve) => setTimeout(resolve, 200));
        const running = runningProcesses();
        const left = below.filter((pid) => running.has(pid));
        for (const pid of left) Deno.kill(pid, "SIGKILL");
        assertEquals({ code, left, files: [...Deno.readDirSync(folder.at("tmp"))] }, {
          code: exitCode,
          left: [],
          files: [],
        });
      },
    });
  }
}

/** The folder of Deno's own cache. */
function denoFolder(): string {
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
