import { assertEquals } from "@std/assert";
import { decodeFaultLog } from "./decode_fault_log.ts";

function faultOf(text: string) {
  const read = decodeFaultLog(text);
  if (!read.ok) return `${read.problem.offset}: ${read.problem.message}`;
  const { access, address, details, event, reason, source } = read.fault;
  return [event, reason, access, address?.low ?? null, source?.requesterId ?? details.clientName];
}

const LINE = "[   12.345678] virtio_iommu virtio0: page fault from EP 24 at 0x10000 [W]";

Deno.test("a virtio-iommu's fault line gives the endpoint, the address and the missing right (traces.md T.71)", () => {
  assertEquals(faultOf(LINE), ["page fault", "not_writable", "write", 0x10000, 24]);
  assertEquals(faultOf(LINE.replace("[W]", "[R  ]"))[1], "not_readable");
  assertEquals(faultOf(LINE.replace("[W]", "[]")), [
    "page fault",
    "not_present",
    null,
    0x10000,
    24,
  ]);
  assertEquals(faultOf(LINE.replace("[W]", "[  X]")).slice(1, 3), ["not_allowed", null]);
  assertEquals(faultOf(LINE.replace("page", "domain").replace(/ at.*/, "")), [
    "domain fault",
    "no_entry",
    null,
    null,
    24,
  ]);
  assertEquals(faultOf(LINE.replace("page", "unknown"))[1], "unknown");
  assertEquals(faultOf(LINE.replace("EP 24", "EP 70000"))[4], "endpoint 70000");
});

Deno.test("a virtio-iommu's fault line that is cut gives the place of the mistake", () => {
  const at = (text: string) => LINE.indexOf(text);
  assertEquals(
    faultOf(LINE.slice(0, at("24"))),
    `${at("24")}: expected the number of an endpoint, the text ends`,
  );
  assertEquals(
    faultOf(LINE.slice(0, at("0x"))),
    `${at("0x")}: expected an address in hex digits, the text ends`,
  );
  assertEquals(
    faultOf("virtio_iommu virtio0: input address: 64 bits"),
    `0: expected "page fault from EP", "domain fault from EP" or "unknown fault from EP", ` +
      `found "virtio_iommu virtio0: in…"`,
  );
});
