import { KERNELS } from "@dmalab/runtime/kernels";
import { assert, assertEquals } from "@std/assert";
import { Session } from "../session.ts";
import { machinesOf, memoryLoader, onlyOutcome, printed } from "../testing/test_support.ts";

/** A disk and a peer below one switch, on a release that does not reset the IOVA state of a tag. */
const machine = (more = "") =>
  `machine {
  kernel = "7.2.12"
  ${more}
  iommu { mode = strict }
  pci { root_port rp0 { switch sw0 {
    nvme ssd { sgl = true, sgl_threshold = 4KiB }
    endpoint gpu { p2pmem = 2MiB }
  } } }
}
`;

/**
 * A read into a peer's memory, with a tag whose last request had an IOVA range. 7.2 describes that
 * old range in the command instead of the peer's memory.
 */
const STALE = `fn stale() {
  wait submit_bio(bio(read, lba: 0, into: alloc_pages(4, contiguous: false)))
  let memory = pci_alloc_p2pmem(gpu, 32KiB)
  let request = bio(read, lba: 0)
  for n in 0..4 { assert bio_add(request, memory.slice(n * 8KiB..n * 8KiB + 4KiB)) }
  let io = submit_bio(request)
  wait io
  return io
}
`;
const GONE = "fixed by `quirks = [not stale_iova_state_p2p]`";

/** The lines of the failure of a program's only test. */
function failureLines(text: string): readonly string[] {
  return onlyOutcome(text).failure!.lines;
}

const test = (body: string) => `test "t" {\n${body}\n}\n`;

Deno.test("a failure names the defect that it is fixed by, after trying (defects.md)", () => {
  const lines = failureLines(machine() + STALE + test("assert stale().status == OK"));
  assertEquals(lines.at(-1), `   ${GONE}`);
});

Deno.test("explain of an io that failed names the defect; of one that did not it says nothing", () => {
  assertEquals(printed(machine() + STALE + test("explain stale()")).at(-1), `  ${GONE}`);
  const right = printed(machine() + test("explain ssd.read(lba: 0, into: alloc_pages(4))"));
  assert(!right.join("\n").includes("fixed by"), right.join("\n"));
});

Deno.test("explain looks at the same io where it is explained twice, and in a branch", () => {
  const twice = `let io = stale()
    explain io
    explain io
    fork { explain io } and { print 1 }`;
  const lines = printed(machine() + STALE + test(twice));
  assertEquals(lines.filter((line) => line === `  ${GONE}`).length, 3);
});

Deno.test("explain names the defect in a session, too", () => {
  const lines: string[] = [];
  const session = new Session({ loader: memoryLoader(), onLine: (line) => lines.push(line) });
  for (const input of [machine(), STALE, "let io = stale()", "explain io"]) session.feed(input);
  assertEquals(lines.at(-1), `  ${GONE}`);
});

Deno.test("a `inject each` tells how many of its places each defect is at fault for", () => {
  const text = machine().replace("sgl = true, sgl_threshold = 4KiB", "") + test(
    "inject each { print try ssd.read(lba: 0, into: buffer(size: 24KiB, pieces: 6, stride: 8KiB)) }",
  );
  const lines = failureLines(text);
  // Several failed links and a failed list of descriptors leak. The links and the list are fixed by
  // different switches.
  const printed = lines.filter((line) => line.includes("fixed by")).map((line) => line.trim());
  assertEquals(printed.map((line) => line.replace(/^\d+ of \d+ /, "")), [
    "fixed by `quirks = [not partial_destroy_on_link_failure]`",
    "fixed by `quirks = [not partial_destroy_on_list_failure]`",
  ]);
  const leaking = lines.find((line) => line.endsWith("places leak"))!.trim().split(" ")[0];
  const [ofList, ofLinks] = printed.map((line) => Number(line.split(" ")[0]));
  assertEquals(String(ofList! + ofLinks!), leaking);
});

Deno.test("each place that leaks is tried without the defects, however many places there are (long)", () => {
  const text = machine().replace("sgl = true, sgl_threshold = 4KiB", "") + test(
    `let buf = alloc_pages(20, contiguous: false)
    inject each {
      ssd.read(lba: 0, into: buf)
      ssd.write(lba: 0, from: buf)
    }`,
  );
  const printed = failureLines(text).map((line) => line.trim()).filter((line) =>
    /fixed by|places leak$/.test(line)
  );
  const [leaking, links, list] = printed.map((line) => Number(line.split(" ")[0]));
  assertEquals(printed.map((line) => line.replace(/^\d+ /, "")), [
    `of ${printed[0]!.split(" ")[2]} places leak`,
    `of ${leaking} fixed by \`quirks = [not partial_destroy_on_link_failure]\``,
    `of ${leaking} fixed by \`quirks = [not partial_destroy_on_list_failure]\``,
  ]);
  assertEquals(links! + list!, leaking);
});

Deno.test("runs without a listener do not look for defects themselves", () => {
  const text = machine() + STALE + test(`let io = stale()
    fork { explain io } and { print 1 }
    explain io
    assert io.status == OK`);
  const machines = machinesOf(text);
  const switches = KERNELS["7.2.12"].quirks.size;
  // Three parts are counted. First, the test with its two branches. Second, the repeated runs for
  // each `explain` with visible output; these runs reach the fork. Third, the test once more for
  // its failure, without output.
  const looks = switches * (1 + 3);
  assert(machines <= 3 + looks + switches * 3, `${machines} machines`);
});

Deno.test("looking for a defect has an end: a run of many steps is not done again ten times", () => {
  const long = `let n = 0
    while n < 4_000_000 { n += 1 }
    assert stale().status == OK`;
  const started = performance.now();
  const lines = failureLines(machine() + STALE + test(long));
  assert(performance.now() - started < 20_000);
  assert(lines.join("\n").includes("assertion failed"));
});
