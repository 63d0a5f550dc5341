/** Long calls charge their work while they run, so that the time limit can stop them. */
import { assert } from "@std/assert";
import { loadProgram } from "../language.ts";
import { runProgram } from "../run/run_program.ts";
import { SourceFile } from "../source.ts";
import { memoryLoader } from "../testing/test_support.ts";

/** How often the limits of a script are checked. */
function looks(text: string): number {
  const { diagnostics, program } = loadProgram(
    new SourceFile("script.dma", text),
    memoryLoader({}),
  );
  assert(program !== null, diagnostics.map(({ message }) => message).join("\n"));
  let count = 0;
  const watch = {
    nowMs: () => 0,
    interrupted: () => {
      count++;
      return false;
    },
  };
  const { outcomes } = runProgram(program, { watch });
  for (const { failure } of outcomes) assert(!failure, failure?.lines.join("\n"));
  return count;
}

const PIECES = "let b = alloc_pages(20_000, contiguous: false)\n";
const SMALL = "let b = alloc_pages(2000)\nlet c = alloc_pages(2000)\nlet y = b.bytes\n";
const DISK = "machine { pci { root_port rp0 { nvme ssd { } } } }\n";
const CACHED = "machine { pci { root_port rp0 { endpoint nic { coherent = false } } } }\n";
const PROCESS =
  "let mm = address_space()\nlet at = mm.mmap(16MiB)\nmm.touch(at, 16MiB, write: true)\n";

/** The code before the call, the call, and the least number of checks of the limits. */
const CALLS: readonly (readonly [before: string, call: string, looks: number])[] = [
  ["let b = alloc_pages(1000)\n", "b.fill(random)", 200],
  [PIECES, "b.fill(counting)", 9],
  [PIECES, "let x = b.bytes", 9],
  [PIECES, "let x = b.slice(81_919_998..81_919_999)", 4],
  [PIECES, "let x = b[70_000_000]", 4],
  [PIECES, "let x = b.pages", 4],
  [PIECES, "let x = b.segments", 10],
  [PIECES, "b.free()", 15],
  ["", "let b = alloc_pages(20_000, contiguous: false)", 70],
  ["", "let b = buffer(pieces: 20_000, piece: 512B, stride: 1KiB)", 70],
  [SMALL, "let x = b == c", 30],
  [SMALL, "let x = b.differences(c)", 900],
  [SMALL, "let x = checksum(y)", 100],
  [SMALL, "let x = y == c", 30],
  [DISK, "let x = ssd.media(lba: 0, bytes: 8MiB)", 8],
  [CACHED + "let b = alloc_pages(2000)\n", "b.fill(1)", 7],
  [CACHED + "let b = alloc_pages(2000)\nb.fill(1)\n", "let x = b.bytes", 6],
  [PROCESS, "mm.touch(at, 16MiB)", 30],
  [PROCESS, "mm.page_out(at, 16MiB)", 30],
];

for (const [before, call, least] of CALLS) {
  const first = before.trim().split("\n").join("; ");
  Deno.test(`the limit of time is looked at inside \`${call}\` after \`${first}\``, () => {
    const count = looks(before + call) - looks(before);
    assert(count >= least, `${count} looks`);
  });
}
