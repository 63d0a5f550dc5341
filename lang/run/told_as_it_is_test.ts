/** What is told of a call, a block or an address is what happened there. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runScript } from "../testing/run_script.ts";
import { printed } from "../testing/test_support.ts";

/** The problems of a run, each as its lines. */
const problemsOf = (text: string) => runScript(text).problems;

const GROUP = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { } endpoint old { } } }
}
`;

Deno.test("warns expects its own report alone: another report of the call fails the test", () => {
  const call = "dma_unmap_phys(nic, m, 1KiB, from_device) warns unmap_size";
  const map = "let m = dma_map_phys(nic, 0x2000_0000, 2KiB, to_device)\n";
  const machine = `${GROUP.replace("{\n", "{\n  leaks = allow\n")}`;
  assertStringIncludes(problemsOf(machine + map + call).join("\n"), "unmap_direction");
  assertEquals(problemsOf(`${machine}${map}expect warning unmap_direction { ${call} }`), []);
});

Deno.test("a mapping of a hole in the address space is not said to reach memory", () => {
  const hole = printed(`${GROUP}
expect warning map_outside_ram {
  let m = dma_map_phys(nic, 0x20_0000_0000, 4KiB, to_device)
  expect fault unreachable { nic.dma_read(m.addr, 4B) }
  explain m
  dma_unmap_phys(nic, m, 4KiB, to_device)
}`).join("\n");
  assertMatch(
    hole,
    /now +the IOMMU leads to physical 0x20_0000_0000, where no memory and no\s+device answers/,
  );
  // A failure that the scenario injects says nothing about the address.
  const injected = printed(`${GROUP}
let m = dma_map_phys(nic, 0x2000_0000, 4KiB, to_device)
expect fault unreachable { inject device.read nth 1 { nic.dma_read(m.addr, 4B) } }
explain m
dma_unmap_phys(nic, m, 4KiB, to_device)`).join("\n");
  assertMatch(injected, /now +nic reaches physical 0x2000_0000/);
});

Deno.test("a block of a fork with a fault is not ok", () => {
  const output = printed(`${GROUP}
let m = dma_map_phys(nic, 0x2000_0000, 4KiB, from_device)
let f = fork { dma_unmap_phys(nic, m, 4KiB, from_device) } and {
  dma_unmap_phys(nic, m, 4KiB, from_device)
  nic.dma_write(m.addr, bytes"01")
}
show f
print f.second
dma_unmap_phys(nic, m, 4KiB, from_device)`);
  assertEquals(output.slice(2).map((line) => line.slice(0, 17).trimEnd()), [
    "first   ok",
    "second  1 fault",
    "fault in second:",
    "1 fault, 1 call,",
  ]);
});

Deno.test("a fault that a block injects is told as such in the table of blocks", () => {
  const output = printed(`${GROUP}
let m = dma_map_phys(nic, 0x2000_0000, 4KiB, from_device)
let f = fork { inject device.write { nic.dma_write(m.addr, bytes"01") } } and { }
show f
dma_unmap_phys(nic, m, 4KiB, from_device)`);
  assertEquals(output.at(-1), "fault in first: unreachable (injected)");
});

Deno.test("an unmap by another device of the group names the device that mapped", () => {
  const problems = problemsOf(`${GROUP}
let m = dma_map_phys(nic, 0x2000_0000, 4KiB, from_device)
dma_unmap_phys(old, m, 4KiB, from_device)`);
  assertStringIncludes(problems.join("\n"), 'no such mapping; "nic" has the mapping of 4096 bytes');
});

Deno.test("a stale read is reported at the statement that reads", () => {
  const problems = problemsOf(`machine {
  pci { root_port rp0 { endpoint nic { coherent = false } } }
}
let b = alloc_pages(1)
let m = dma_map_single(nic, b, 4KiB, from_device)
nic.dma_write(m.addr, bytes"99")
let x = b[0]
print x
dma_unmap_single(nic, m, 4KiB, from_device)`);
  assertStringIncludes(problems.join("\n"), "--> script.dma:7:1");
});
