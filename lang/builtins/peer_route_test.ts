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

Deno.test("explain of a refused map type names the hops, the bits, the rule and the way out (p2p.md 9.4)", () => {
  const text = outputOf(
    `${machine('vendor_device = "8086:6f00"', REDIRECTING)}
explain pci_p2pdma_map_type(gpu, ssd)`,
  );
  for (
    const part of [
      "provider gpu (BAR), client ssd (initiator)",
      "ACS redirect (RR CR)",
      "◄ closest common bridge",
      "distance 4: 2 steps up from gpu, 2 from ssd",
      "ACS redirect on 2 ports sends it to the root complex: the whitelist decides",
      "hb: first device 8086:6f00: not whitelisted",
      "result: not_supported",
      "pci=disable_acs_redir=0000:02:00.0;0000:02:01.0",
      "then bus_addr at distance 4, below sw.up",
    ]
  ) assertStringIncludes(text, part);
});

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

Deno.test("a route has its path, what stands in the way, and the smallest change as values", () => {
  outputOf(`${machine("", REDIRECTING)}
let route = topology().route(gpu, ssd)
assert route.provider == "gpu" and route.client == "ssd"
assert route.map_type == not_supported and route.distance == 4
assert route.hops == ["gpu", "sw.down1", "sw.up", "sw.down0", "ssd"]
assert route.common_bridge == "sw.up"
assert route.redirecting == ["sw.down1", "sw.down0"]
assert route.uncertain == []
assert route.change.functions == ["sw.down0", "sw.down1"]
assert route.change.parameter == "pci=disable_acs_redir=0000:02:00.0;0000:02:01.0"
assert route.change.map_type == bus_addr
# Asking changes nothing.
assert topology().route(gpu, ssd).map_type == not_supported
let away = topology().route(gpu, far)
assert away.common_bridge == none and away.change == none
assert away.hops == ["gpu", "sw.down1", "sw.up", "rp", "hb", "rp1", "far"]
explain away
show route
print route`);
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

Deno.test("a bit that could not be read makes the answer uncertain", () => {
  const text = outputOf(`machine {
  pci { root_port rp { switch sw { acs = unknown
    nvme ssd { queues = 1 }
    endpoint gpu { bar = 64MiB, p2pmem = 64MiB }
  } } }
}
assert topology().route(gpu, ssd).uncertain == ["sw.down1", "sw.down0"]
explain pci_p2pdma_map_type(gpu, ssd)`);
  assertStringIncludes(text, "not certain: ACS redirect of sw.down1, sw.down0 is unknown");
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
  // The last answer is explained, not another one of its kind.
  const last = outputOf(`${small}print pci_p2pdma_map_type(cmb, ssd)
print pci_p2pdma_map_type(gpu, ssd)
explain bus_addr`);
  assertStringIncludes(last, "gpu");
});
