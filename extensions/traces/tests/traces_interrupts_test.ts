/** Unmaps in an interrupt, whose lines name the interrupted task. */
import { assertEquals } from "@std/assert";
import { checkedTrace } from "./checked_trace.ts";

let clock = 0;
const at = (event: string, { cpu = 10, flags = ".....", task = "udev-522" } = {}) =>
  ` ${task}  [0${cpu}] ${flags}  ${(clock += 0.001).toFixed(6)}: ${event}`;
const range = (start: number, bytes: number) =>
  `IOMMU: iova=0x${start.toString(16).padStart(16, "0")} - 0x${
    (start + bytes).toString(16).padStart(16, "0")
  }`;

const PAGE = 4096;

/** Lines with which a task links the 32 pages of a two-step range. */
const links = (start: number, task: string) =>
  Array.from(
    { length: 32 },
    (_, index) =>
      at(`map: ${range(start + index * PAGE, PAGE)} paddr=0x000000010fc80000 size=4096`, { task }),
  );
const ended = (start: number, task: string, flags: string, cpu = 10) =>
  at(`unmap: ${range(start, 32 * PAGE)} size=131072 unmapped_size=131072`, { task, flags, cpu });

Deno.test("which task an interrupt runs over says nothing of what it unmaps (T.4)", () => {
  const [a, b] = [0xfff60000, 0xffec0000];
  for (
    const [over, flags] of [["iot-155", "d.h1."], ["<idle>-0", "d.h1."], ["ssh-9", "..s1."], [
      "iot-155",
      "d.H1.",
    ], ["<idle>-0", "d.s2."]]
  ) {
    clock = 1;
    const { json } = checkedTrace([
      ...links(a, "iot-155"),
      ended(a, over!, flags!),
      ...links(a, "iot-155"),
      ...links(b, "iot-155"),
      ended(a, "<idle>-0", flags!),
      ended(b, "<idle>-0", flags!),
    ]);
    const { links_never_unmapped, ranges_ended } = json().balance.two_step;
    assertEquals([links_never_unmapped, ranges_ended], [[], 3], `${over} ${flags}`);
  }
});
