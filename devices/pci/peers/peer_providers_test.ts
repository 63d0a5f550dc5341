import { assert, assertEquals } from "@std/assert";
import { ERRNO, type IommuMode, MIB, type PhysAddr } from "@dmalab/runtime";
import { block, client, lender, PeerBench } from "../_lab.ts";
import type { PeerProviders } from "./peer_providers.ts";

function benchOf(mode: IommuMode = "off", kernel: "7.2.12" | "6.12.117" = "7.2.12") {
  const bridge = block("host_bridge", "h", [
    block("root_port", "rp", [
      block("switch", "s", [
        lender("p"),
        client("c"),
        client("plain", { barBytes: 16 * MIB }),
      ]),
    ]),
  ], { whitelisted: true });
  const bench = new PeerBench([bridge], { iommu: { mode }, kernel });
  return { bench, providers: bench.lab.topology.providers };
}

function stateOf(providers: PeerProviders, bench: PeerBench, name: string): string | null {
  return providers.everOf(bench.func(name))?.state ?? null;
}

Deno.test("a provider goes from initialised to published, and forth and back (p2p.md 9.3)", () => {
  const { bench, providers } = benchOf();
  const plain = bench.func("plain");
  assertEquals(stateOf(providers, bench, "plain"), null);
  assertEquals(providers.barProvider(plain, 0), null);
  assertEquals(bench.warnings, ["plain is asked for a provider, but was never initialised"]);
  assertEquals(providers.barProvider(plain, 3), null);
  assertEquals(bench.warnings.length, 1, "that is no BAR at all");

  const first = providers.init(plain);
  assertEquals(providers.init(plain), first, "a second call does nothing");
  assertEquals(first.state, "initialised");
  assertEquals(providers.barProvider(plain, 0)!.bar.sizeBytes, 16 * MIB);
  assertEquals([providers.of(plain)!.sizeBytes, providers.of(plain)!.availableBytes], [0, 0]);
  providers.publish(plain, true);
  assertEquals(first.state, "initialised", "nothing to publish yet");
  assertEquals(providers.addResource(plain, 0, 2 * MIB, 2 * MIB), 0);
  assertEquals(first.state, "published");
  providers.publish(plain, false);
  assertEquals(first.state, "unpublished");
  const told = bench.events.filter(({ name }) => name === "p2p.provider");
  assertEquals(told.map(({ fields }) => Reflect.get(fields, "state")), [
    ...["initialised", "initialised", "published", "unpublished"],
  ]);
  assertEquals(bench.kind("plain", "c"), "bus_addr");
});

Deno.test("adding what does not lie in the BAR is EINVAL, size 0 is the rest (p2p.md 9.3)", () => {
  const { bench, providers } = benchOf();
  const plain = bench.func("plain");
  const add = (bar: number, size?: number, offset?: number) =>
    providers.addResource(plain, bar, size, offset);
  for (
    const wrong of [
      add(1),
      add(6),
      add(0, 2 * MIB, 16 * MIB),
      add(0, 0, 16 * MIB),
      add(0, 2 * MIB, -2 * MIB),
      add(0, -2 * MIB),
      add(0, 16 * MIB, 2 * MIB),
      add(0, 32 * MIB),
    ]
  ) assertEquals(wrong, -ERRNO.EINVAL);
  assertEquals(stateOf(providers, bench, "plain"), null, "a refused call registers nothing");
  assertEquals(add(0, 0, 14 * MIB), 0, "the last piece is the rest");
  assertEquals(providers.of(plain)!.sizeBytes, 2 * MIB);
  assertEquals(add(0, 2 * MIB, 10 * MIB), 0);
  assertEquals(providers.of(plain)!.sizeBytes, 4 * MIB);
  assertEquals(add(0, 4 * MIB, 12 * MIB), -ERRNO.EEXIST, "pages are made once");
  assertEquals(add(0, 2 * MIB), 0);
  assertEquals(providers.of(plain)!.availableBytes, 6 * MIB, "one pool of two ranges");
});

Deno.test("before registration nothing can be had (p2p.md 9.5, 9.7)", () => {
  const { bench, providers } = benchOf();
  const plain = bench.func("plain");
  assertEquals(bench.kind("plain", "c"), "not_supported");
  assertEquals(providers.alloc(plain, 4096), null);
  assertEquals(providers.busAddress(plain, 0x1000 as PhysAddr), 0);
  assertEquals(bench.reports, []);
  providers.init(plain);
  assertEquals(providers.alloc(plain, 4096), null, "initialised, but without a pool");
  assertEquals(bench.reports, ["peer_memory_without_pool"]);
  const p = bench.func("p");
  assertEquals(providers.busAddress(p, null), 0);
  const { basePhys } = p.bars[0]!;
  assertEquals(providers.busAddress(p, basePhys) as number, basePhys as number);
});

Deno.test("6.12 has no provider without pages (p2p.md 9.9)", () => {
  const { bench, providers } = benchOf("off", "6.12.117");
  providers.init(bench.func("p"));
  assertEquals(providers.barProvider(bench.func("p"), 0), null);
  assertEquals(bench.kind("p", "c"), "bus_addr");
});

Deno.test("a kernel without CONFIG_PCI_P2PDMA registers no provider (p2p.md 9.3)", () => {
  const alone = [block("root_port", "rp", [client("plain", { barBytes: 16 * MIB })])];
  for (const pciP2pdma of [true, false]) {
    const bench = new PeerBench(alone, { pciP2pdma });
    const { providers } = bench.lab.topology;
    assertEquals(providers.register(bench.func("plain")), pciP2pdma ? 0 : -ERRNO.EOPNOTSUPP);
  }
});

Deno.test("a user's pages are held one by one, and zapped at unbind (p2p.md 9.7, 9.8)", () => {
  const { bench, providers } = benchOf();
  const p = bench.func("p");
  const map = (sizeBytes: number, more = {}) => providers.userMap(p, { sizeBytes, ...more });
  assertEquals(map(4096, { isPrivate: true }), -ERRNO.EINVAL);
  assertEquals(map(4096, { offsetBytes: 4096 }), -ERRNO.EINVAL);
  assertEquals(map(32 * MIB), -ERRNO.ENOMEM);
  assertEquals(providers.userMap(bench.func("c"), { sizeBytes: 4096 }), -ERRNO.ENODEV);

  const mapping = map(10_000);
  assert(typeof mapping !== "number");
  const provider = providers.of(p)!;
  assertEquals([mapping.pages.length, provider.references], [3, 3]);
  providers.userUnmap(p, mapping);
  assertEquals([provider.references, provider.availableBytes], [0, 16 * MIB]);
  providers.userUnmap(p, mapping);
  assertEquals(provider.references, 0, "once is enough");

  const all = map(16 * MIB);
  assert(typeof all !== "number");
  assertEquals(provider.availableBytes, 0);
  providers.userUnmap(p, all);

  map(8192);
  const kept = providers.alloc(p, 4096)!;
  assertEquals(providers.unbind(p), false);
  assertEquals(provider.references, 1, "users are gone, the allocation is not");
  assertEquals(map(4096), -ERRNO.ENODEV);
  assert(providers.free(p, kept));
  assertEquals(provider.state, "unbound");
  assertEquals([providers.unbind(p), providers.unbind(p)], [true, true]);
});

Deno.test("free() frees what was allocated, and nothing else", () => {
  const { bench, providers } = benchOf();
  const p = bench.func("p");
  const phys = providers.alloc(p, 8192)!;
  assertEquals(providers.free(p, (phys + 4096) as PhysAddr), false);
  assertEquals(providers.free(p, phys), true);
  assertEquals(providers.free(p, phys), false);
  assertEquals(providers.free(bench.func("c"), phys), false);
  const mapping = providers.userMap(p, { sizeBytes: 8192 });
  assert(typeof mapping !== "number");
  assertEquals(providers.free(p, mapping.pages[0]!), false, "a user has it");
});

Deno.test("p2p.provider tells each state once (docs/events.md)", () => {
  const { bench, providers } = benchOf();
  bench.forget();
  const p = bench.func("p");
  const phys = providers.alloc(p, 4096)!;
  providers.unbind(p);
  providers.free(p, phys);
  const states = bench.events.filter(({ name }) => name === "p2p.provider");
  assertEquals(states.map(({ fields }) => Reflect.get(fields, "state")), ["unbinding", "unbound"]);
});

Deno.test("what does not begin and end at a multiple of 2 MiB lends nothing (p2p.md 9.3)", () => {
  const { bench, providers } = benchOf();
  const plain = bench.func("plain");
  for (const [size, offset] of [[65536, 0], [MIB, 0], [3 * MIB, 0], [2 * MIB, MIB], [MIB, MIB]]) {
    assertEquals(providers.addResource(plain, 0, size, offset), -ERRNO.EINVAL);
  }
  assertEquals(stateOf(providers, bench, "plain"), null);
  for (const [p2pmemBytes, state] of [[MIB, null], [2 * MIB, "published"]] as const) {
    const port = block("root_port", "rp", [block("endpoint", "gpu", [], { p2pmemBytes })]);
    const one = new PeerBench([block("host_bridge", "h", [port])], {});
    assertEquals(stateOf(one.lab.topology.providers, one, "gpu"), state);
  }
});

Deno.test("parts of a BAR may lie side by side, and share no byte (p2p.md 9.3)", () => {
  const UNIT = 2 * MIB;
  const status = (offset: number, size: number) => {
    const { bench, providers } = benchOf();
    const plain = bench.func("plain");
    assertEquals(providers.addResource(plain, 0, 2 * UNIT, 3 * UNIT), 0);
    return providers.addResource(plain, 0, size, offset);
  };
  assertEquals(status(UNIT, 2 * UNIT), 0);
  assertEquals(status(5 * UNIT, UNIT), 0);
  for (const [offset, units] of [[2, 2], [3, 1], [4, 1], [4, 3], [0, 8], [3, 2]] as const) {
    assertEquals(status(offset * UNIT, units * UNIT), -ERRNO.EEXIST);
  }
});
