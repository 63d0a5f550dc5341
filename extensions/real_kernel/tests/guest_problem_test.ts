import { assertEquals } from "@std/assert";
import { guestProblem } from "../boot/boot_groups.ts";

const LINE = "missing /sys/bus/pci/devices/0000:01:00.0/nvme";

Deno.test("a kernel without modules whose controllers find no driver asks for its modules", () => {
  assertEquals(
    guestProblem(LINE, { modules: [] }),
    "The kernel has no NVMe driver of its own: name its modules with `--modules`",
  );
  const modules = [{ name: "nvme", bytes: new Uint8Array() }];
  assertEquals(guestProblem(LINE, { modules }), `In the guest: ${LINE}`);
  assertEquals(guestProblem("timeout 0", { modules: [] }), "In the guest: timeout 0");
});
