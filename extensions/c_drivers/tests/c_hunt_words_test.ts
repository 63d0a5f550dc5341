/**
 * The output of `dmalab hunt` for a scenario with a driver in C. Also the output of compiling without a
 * terminal.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";

async function dmalab(args: readonly string[], cache: string) {
  const { code, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(ROOT, "bin/main.ts"), ...args],
    env: { XDG_CACHE_HOME: cache, NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stderr: text(stderr), stdout: text(stdout) };
}

const C = "#include <linux/dma-mapping.h>\nint start(struct device *dev) { return dev != 0; }\n";
const scenario = (device: string) =>
  `machine { pci { root_port rp0 { ${device} } } }\ndriver d = c "d.c"\n` +
  'test "it starts" { assert d.start(x) == 1 }\n';

Deno.test("a hunt of a scenario with a driver in C and no driver block says which block is missing, with a disk too", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(join(folder, "d.c"), C);
    for (const [index, device] of ["endpoint x { }", "nvme x { }"].entries()) {
      const path = join(folder, "lab.dma");
      Deno.writeTextFileSync(path, scenario(device));
      const { code, stderr, stdout } = await dmalab(["hunt", path, "--cases", "5"], folder);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(
        stderr,
        /"lab\.dma" has a driver in C, .* add a block `driver "NAME" \{ map = …, unmap = … \}`/,
      );
      // The first run compiles the driver. Without a terminal it prints a line about this. The
      // second run finds the driver in the cache.
      assertEquals(/^compiling \S+d\.c \(1 of 1\)$/m.test(stderr), index === 0, stderr);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
