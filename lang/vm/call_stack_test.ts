import { assertEquals } from "@std/assert";
import { onlyOutcome } from "../testing/test_support.ts";

/** `message line:column` of each note of the only failure. */
function notesOf(text: string): string[] {
  const lines = onlyOutcome(text).failure?.lines ?? [];
  return lines.flatMap((line, index) => {
    const [, message] = line.match(/= note: (.*)$/) ?? [];
    if (message === undefined) return [];
    return [`${message} ${lines[index + 1]!.match(/\d+:\d+$/)![0]}`];
  });
}

Deno.test("a lambda that a builtin calls is reported with the call that it was passed to", () => {
  const text = `fn half(n) { return 8 / n }
fn walk(list, f) {
  let same = list.map(x => x + 0)
  return same.map(f)
}
print walk([1, 0], x => half(x))`;
  assertEquals(notesOf(text), [
    "`half` was called here 6:25",
    "the lambda was called here 4:10",
    "`walk` was called here 6:7",
  ]);
});

Deno.test("a lambda that stands in the call that calls it is seen there already", () => {
  assertEquals(notesOf("fn half(n) { return 8 / n }\nprint [1, 0].map(x => half(x))"), [
    "`half` was called here 2:23",
  ]);
});

Deno.test("a function that calls itself is counted, and who called it first is shown", () => {
  assertEquals(
    notesOf("fn down(n) {\n  if n == 0 { return 1 / n }\n  return down(n - 1)\n}\nprint down(20)"),
    [
      "`down` was called here, 20 times 3:10",
      "`down` was called here 5:7",
    ],
  );
});

Deno.test("an error that is not the expected one is reported with its place and its callers inside", () => {
  const machine = "machine { iommu { mode = strict } pci { root_port rp { nvme ssd { } } } }\n";
  const text = `${machine}fn link(state) {
  dma_iova_link(ssd, state, 0x20_0800, 4KiB, 4KiB, to_device)
}
let state = iova_state()
dma_iova_try_alloc(ssd, state, 0x10_0000, 8KiB)
`;
  assertEquals(notesOf(`${text}expect error ENOMEM { link(state) }`), [
    "EIO was raised here 3:3",
    "\`link\` was called here 7:23",
  ]);
  assertEquals(notesOf(`${text}link(state) fails ENOMEM`), ["EIO was raised here 3:3"]);
  // A call on the same line needs no note.
  const line = "dma_iova_link(ssd, state, 0x20_0800, 4KiB, 4KiB, to_device) fails ENOMEM";
  assertEquals(notesOf(`${text}${line}`), []);
});

Deno.test("the reason of an error goes on behind its colon", () => {
  assertEquals(
    onlyOutcome("alloc_pages(1_000_000)").failure?.message,
    "Unexpected ENOMEM: cannot take 4096000000 bytes of host memory",
  );
});
