import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../testing/run_script.ts";

function machine(hostBridge: string, ports: string): string {
  return `machine {
  pci { host_bridge hb { ${hostBridge}
    root_port rp { switch sw { acs = [${ports}]
      nvme ssd { queues = 1 }
      endpoint gpu { bar = 64MiB, p2pmem = 64MiB }
    } }
    root_port rp1 { nvme far { queues = 1 } }
  } }
}
`;
}

function outputOf(script: string): string {
  const { problems, output } = runScript(script);
  assertEquals(problems, []);
  for (const line of output) assert(line.length <= 80, line);
  return output.join("\n");
}

const REDIRECTING = "request_redirect, completion_redirect";

Deno.test("explain of a map type that works says why, and offers the shorter way", () => {
  const direct = outputOf(`${machine("", "")}\nexplain pci_p2pdma_map_type(gpu, ssd)`);
  assertStringIncludes(direct, "no ACS redirect on the route: sw.up forwards it directly");
  assert(!direct.includes("disable_acs_redir"));
  const listed = outputOf(
    `${machine('vendor_device = "8086:2030"', REDIRECTING)}
explain pci_p2pdma_map_type(gpu, ssd)`,
  );
  assertStringIncludes(listed, "hb: first device 8086:2030: whitelisted");
  assertStringIncludes(listed, "result: thru_host_bridge");
  assertStringIncludes(listed, "shorter route: disable ACS redirect in 2 functions");
});

Deno.test("explain of an answer that was remembered says so (p2p.md 9.5)", () => {
  const text = outputOf(
    `${machine("", REDIRECTING)}
pci_p2pdma_map_type(gpu, ssd)
set_acs(sw, [])
explain pci_p2pdma_map_type(gpu, ssd)`,
  );
  assertStringIncludes(text, "the answer not_supported was cached before something");
  assertStringIncludes(text, "result: bus_addr");
});

Deno.test("explain of a map type that no route had is an error", () => {
  const { problems } = runScript(`${machine("", "")}\nexplain bus_addr`);
  assertStringIncludes(problems.join("\n"), "E0913");
});

Deno.test("a change that costs isolation shows the groups before and after", () => {
  const isolating = `source_validation, upstream_forwarding, ${REDIRECTING}`;
  const isolated = machine("", isolating).replace("rp {", `rp { acs = [${isolating}]\n`);
  outputOf(`${isolated}
let change = topology().route(gpu, ssd).change
assert change.groups_before == [["sw.down0"], ["sw.down1"], ["ssd"], ["gpu"]]
assert change.groups_after == [["sw.down0", "ssd"], ["sw.down1", "gpu"]]
# The other root port's group stays as it is, so it is not among them.
assert topology().groups.contains(["rp1", "far"])`);
});

Deno.test("memory that lends nothing for its size says so (p2p.md 9.3)", () => {
  const problemOf = (gpu: string) =>
    runScript(`machine { pci { root_port rp { endpoint gpu { ${gpu} } } } }\nprint p2pmem(gpu)`)
      .problems.join("\n");
  assertStringIncludes(
    problemOf("p2pmem = 3MiB"),
    "gpu provides no memory to peers: its `p2pmem` of 3MiB is not a multiple of 2MiB",
  );
  assertStringIncludes(problemOf("bar = 1MiB"), "give it `p2pmem` in the machine");
  assertEquals(problemOf("p2pmem = 4MiB"), "");
  const small = `machine { pci { root_port rp { switch sw {
    nvme cmb { p2pmem = 1MiB }
    endpoint gpu { p2pmem = 2MiB }
    nvme ssd { }
  } } } }
`;
  const reason = "its `p2pmem` of 1MiB is not a multiple of 2MiB";
  const why = outputOf(`${small}explain pci_p2pdma_map_type(cmb, ssd)`).replace(/\s+/g, " ");
  assertStringIncludes(why, `not_supported: cmb provides no memory to peers: ${reason} (p2p.9.4)`);
  const { problems } = runScript(`${small}pci_alloc_p2pmem(cmb, 4KiB)`);
  assertStringIncludes(problems.join("\n"), reason);
  // Explains the last query with this result, and not an earlier one.
  const last = outputOf(`${small}print pci_p2pdma_map_type(cmb, ssd)
print pci_p2pdma_map_type(gpu, ssd)
explain bus_addr`);
  assertStringIncludes(last, "gpu");
});
