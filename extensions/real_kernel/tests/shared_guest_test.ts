/** Guests that have the disks of several machines. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { KERNEL_REQUESTS } from "@dmalab/cli";
import { qemuProgram } from "../machine/qemu_program.ts";
import { sharedMachine } from "../machine/qemu_machine.ts";
import { loadScenarios, planTests, sameGuests, sameMachines } from "../plan/planned_tests.ts";

async function guestsOf(path: string, architecture: "x86_64" | "arm64" = "x86_64") {
  const scenarios = await loadScenarios([path]);
  if (typeof scenarios === "string") throw new Error(scenarios);
  const { planned } = planTests(scenarios, {
    matches: [],
    release: "nearest",
    nearest: "6.12.117",
    qemu: qemuProgram("7.2.22", "", architecture),
  });
  return sameGuests(sameMachines(planned));
}

Deno.test("machines that differ in what a guest sets, or in the disk, share a guest", async () => {
  const names = (guests: Awaited<ReturnType<typeof guestsOf>>) =>
    guests.map((groups) => groups.map(([test]) => test!.recorded.test.combination ?? "").length);
  assertEquals(names(await guestsOf(KERNEL_REQUESTS)), [7, 1, 1, 1, 1, 1]);
  // There a device has no group, whose domain could be set, before its driver is bound.
  assertEquals(names(await guestsOf(KERNEL_REQUESTS, "arm64")), Array(8).fill(1));
});

Deno.test("a shared guest has each disk below a port of its own, with a name and a domain of its own", async () => {
  const [together] = (await guestsOf(KERNEL_REQUESTS)).filter(({ length }) => length > 1);
  const shared = sharedMachine(together!.map(([test]) => test!.machine), 2 ** 30);
  assert(shared !== null);
  const { domains, machine } = shared;
  assertEquals(domains, [
    { port: "0000:80:10.0", type: null },
    { port: "0000:00:11.0", type: "identity" },
    { port: "0000:00:12.0", type: null },
    { port: "0000:00:13.0", type: "DMA-FQ" },
    { port: "0000:00:14.0", type: null },
    { port: "0000:00:15.0", type: null },
    { port: "0000:00:16.0", type: null },
  ]);
  const numbers = [0, 1, 2, 3, 4, 5, 6];
  assertEquals(machine.disks.map(({ name }) => name), numbers.map((at) => `ssd.${at}`));
  assertEquals(machine.append, ["intel_iommu=on", "iommu.passthrough=0 iommu.strict=1"]);
  // A machine without an IOMMU is on a bus that the IOMMU leaves out.
  const text = machine.args.join(" ");
  assertMatch(text, /intel-iommu,intremap=off,/);
  assertMatch(text, /pxb-pcie,id=untranslated,\S+,bypass_iommu=on/);
  assertMatch(
    text,
    /pcie-root-port,id=port1,bus=untranslated,addr=0x10,\S+ \S+ \S*node-name=ssd\.0-media/,
  );
  assert(machine.firmwareTable !== null && machine.args.includes("3072M"));
  const ids = machine.args.filter((_, at) => machine.args[at - 1] === "-device")
    .flatMap((device) => /[,]id=([^,]+)/.exec(device)?.[1] ?? []);
  assertEquals(new Set(ids).size, ids.length);
});
