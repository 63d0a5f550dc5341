import { assertEquals } from "@std/assert";
import {
  checkHostBridges,
  type CpuIdentity,
  formatVendorDevice,
  HostBridge,
  type HostBridgeInit,
  listingOf,
  ORDINARY_CPU,
  parseVendorDevice,
} from "./host_bridge.ts";

const INTEL: CpuIdentity = { vendor: "intel", family: 6 };

function bridge(text: string | null, more: Partial<HostBridgeInit> = {}): HostBridge {
  const rootDevice = text === null ? null : parseVendorDevice(text);
  return new HostBridge({ name: text ?? "none", domain: 0, rootBus: 0, rootDevice, ...more });
}

function check(cpu: CpuIdentity, provider: HostBridge, client = provider): string {
  const { passes, reason, refused } = checkHostBridges(cpu, provider, client);
  return `${passes ? "passes" : `refused at ${refused!.name}`}: ${reason}`;
}

Deno.test("a bridge that is restricted to itself reaches no other one (p2p.md assertion 4)", () => {
  const restricted = bridge("8086:2f00");
  assertEquals(check(INTEL, restricted), "passes: listed");
  const refused = "refused at 8086:2f00: same_bridge_only";
  assertEquals(check(INTEL, restricted, bridge("8086:2f00")), refused);
  assertEquals(check(INTEL, bridge("8086:2031"), bridge("8086:2031")), "passes: listed");
  assertEquals(check(INTEL, bridge("8086:2031"), restricted), refused);
  assertEquals(
    check(INTEL, bridge("8086:2031"), bridge("8086:1237")),
    "refused at 8086:1237: not_listed",
  );
});

Deno.test("AMD from family 0x17 on needs no list, and its cores under another name do (p2p.md 9.4)", () => {
  const unlisted = bridge("1022:1480");
  const other = bridge(null);
  assertEquals(check({ vendor: "amd", family: 0x19 }, unlisted, other), "passes: cpu");
  assertEquals(check({ vendor: "amd", family: 0x17 }, unlisted), "passes: cpu");
  assertEquals(
    check({ vendor: "amd", family: 0x16 }, unlisted),
    "refused at 1022:1480: not_listed",
  );
  assertEquals(
    check({ vendor: "hygon", family: 0x18 }, unlisted),
    "refused at 1022:1480: not_listed",
  );
});

Deno.test("what is said outright about a bridge counts, not what stands on its bus", () => {
  assertEquals(
    check(ORDINARY_CPU, bridge("8086:2030", { whitelisted: false })),
    "refused at 8086:2030: not_listed",
  );
  const both = bridge(null, { whitelisted: true });
  assertEquals(check(ORDINARY_CPU, both, bridge("8086:2030")), "passes: listed");
});

Deno.test("vendor and device are read and written as lspci -n does", () => {
  assertEquals(parseVendorDevice("8086:2F00"), { vendor: 0x8086, device: 0x2f00 });
  assertEquals(formatVendorDevice({ vendor: 0x8086, device: 0x9a2 }), "8086:09a2");
  for (const wrong of ["", "8086", "8086:", "8086:12345", "8086:zzzz", " 8086:2030"]) {
    assertEquals(parseVendorDevice(wrong), null);
  }
});

Deno.test("the list has these devices and no others (p2p.md 9.4, v7.3.md 5.3)", () => {
  const listed = (vendor: number, wanted: string, listsNvidia: boolean) =>
    Array.from({ length: 0x1_0000 }, (_, device) => device)
      .filter((device) => listingOf({ vendor, device }, listsNvidia) === wanted)
      .map((device) => device.toString(16).padStart(4, "0"));
  for (const listsNvidia of [false, true]) {
    assertEquals(listed(0x8086, "same_bridge_only", listsNvidia), ["2f00", "2f01", "3c00", "3c01"]);
    // Accelerators by the PCI ID registry: IAX 0cfe, DSA 0b25 and 11fb and 1212, IAA 1216, QAT 494x.
    assertEquals(listed(0x8086, "any", listsNvidia), [
      ...["09a2", "0b25", "0cfe", "11fb", "1212", "1216", "2020", "2030", "2031", "2032", "2033"],
      ...["4940", "4942", "4944", "4946", "4948"],
    ]);
    for (const vendor of [0x1022, 0x8085, 0x8087, 0x10dd, 0x10df, 0x1ae1, 0x1adf]) {
      assertEquals(listed(vendor, "not_listed", listsNvidia).length, 0x1_0000);
    }
    assertEquals(listed(0x1ae0, "any", listsNvidia).length, 0x1_0000);
  }
  assertEquals(listed(0x10de, "any", true), ["2f95", "2f96", "2f97", "2f98"]);
  assertEquals(listed(0x10de, "any", false), []);
  assertEquals(listingOf(null, true), "not_listed");
  const [one, other] = ["10de:2f95", "10de:2f98"].map((ids) => bridge(ids, { listsNvidia: true }));
  assertEquals(check(INTEL, one!, other), "passes: listed");
});
