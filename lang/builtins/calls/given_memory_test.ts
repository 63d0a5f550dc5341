/** `data:`: memory for an operation in either direction. */
import { assertEquals } from "@std/assert";
import { printed } from "../../testing/test_support.ts";

const DISK = "machine { pci { root_port rp0 { nvme ssd { } } } }\n";

Deno.test("an operation that is chosen while the script runs takes its memory as `data`", () => {
  const text = `${DISK}let buf = buffer(size: 4KiB, fill: counting)
for op in [write, read] {
  let io = ssd.submit(op, lba: 8, data: buf)
  wait io
  assert io.status == OK
}
assert ssd.media(lba: 8, bytes: 4KiB) == buf
let made = [read, write].map(op => bio(op, lba: 0, data: buf))
print made.map(b => b.bytes)
let own = ssd.passthrough(0x02, data: buf, dwords: { cdw10: 8, cdw12: 7 })
wait own
print own.status`;
  assertEquals(printed(text), ["[4KiB, 4KiB]", "OK"]);
});
