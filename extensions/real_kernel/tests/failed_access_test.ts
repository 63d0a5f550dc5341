/** Requests with accesses that fail: QEMU's controller and the model's notice it at other places. */
import { assertEquals } from "@std/assert";
import { firstRequestDifference } from "../compare/compare_requests.ts";
import type { AccessedRange, RequestRecord } from "../compare/request_record.ts";

const OPEN = {
  disk: "ssd",
  op: "read",
  lba: 0,
  blocks: null,
  physSegments: null,
  gapBit: null,
  map: [],
} as const;

/** A read of two pages with its accesses and its status. */
function request(status: number, ...extents: readonly AccessedRange[]): RequestRecord {
  return { ...OPEN, unmap: [], device: { format: "prp", extents }, status };
}

const difference = (model: RequestRecord, kernel: RequestRecord) =>
  firstRequestDifference(model, kernel, () => null, () => true)?.text ?? null;

Deno.test("of a request with an access that the model's IOMMU blocks, all before it is compared", () => {
  const blocked = { ...request(0x4004, [0xf400, 3072]), isBlocked: true };
  const whole = request(0, [0x2400, 3072], [0x3000, 2560]);
  assertEquals(difference(blocked, whole), null);
  assertEquals(difference({ ...blocked, isBlocked: false }, whole), accessDiffers(2));
  assertEquals(difference(blocked, request(0, [0x2800, 3072], [0x3000, 2560])), accessDiffers(1));
});

Deno.test("of a command that both controllers refuse, the status is compared, and no access", () => {
  const looked = request(0x4013, [0x2400, 3072]);
  assertEquals(difference(request(0x4013), looked), null);
  assertEquals(difference(request(0x4002), looked), "the status is 16403, not 16386");
  assertEquals(difference(request(0), looked), accessDiffers(1));
});

function accessDiffers(number: number): string {
  return `the controller's access ${number} is not the model's`;
}
