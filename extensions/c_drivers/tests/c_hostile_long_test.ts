import { assert } from "@std/assert";
import { COMPILER_BYTES } from "../compiler/clang.ts";
import { compileC } from "../compiler/compile_drivers.ts";
import { compilerService } from "../compiler/compiler_service.ts";
import {
  holdHostileCalls,
  holdHostileFiles,
  openHostileCalls,
  openHostileFiles,
} from "./c_hostile.ts";
import { hostileFiles } from "./c_hostile_files.ts";
import { loadOpened } from "./c_together.ts";

const FILES = hostileFiles(500, 1).slice(50);
const SEEDS = [2, 3, 4];
const [files, calls] = await loadOpened([openHostileFiles(FILES), openHostileCalls(SEEDS)]);

Deno.test("450 more hostile files in C end in an error of ours each, in the line that does it", () =>
  holdHostileFiles(FILES, files!));

Deno.test("whatever a driver in C does with more seeds ends in an error of ours, with its place", () =>
  holdHostileCalls(SEEDS, calls!));

/** The largest peak memory among this process's children, in bytes. */
function childrenPeakBytes(): number {
  // `cat` is needed because Deno reads files of `/proc` only with all permissions.
  const { stdout } = new Deno.Command("sh", {
    args: ["-c", "cat /proc/[0-9]*/status 2>/dev/null; true"],
  }).outputSync();
  const peaks = new TextDecoder().decode(stdout).split(/^Name:/m).map((status) => {
    const [, parent] = status.match(/^PPid:\s*(\d+)$/m) ?? [];
    const [, peak = "0"] = status.match(/^VmHWM:\s*(\d+) kB$/m) ?? [];
    return Number(parent) === Deno.pid ? 1024 * Number(peak) : 0;
  });
  return Math.max(...peaks);
}

Deno.test({
  name: "the compiler's process takes no more memory than its limit says, however often it tries",
  ignore: Deno.build.os !== "linux",
  async fn() {
    let peakBytes = 0;
    const watch = setInterval(() => peakBytes = Math.max(peakBytes, childrenPeakBytes()), 100);
    try {
      const said: string[] = [];
      // The macros expand to two hundred million additions.
      const macros = ["A 1", ..."BCDEFGHI"].map((name, at) =>
        at === 0 ? name : `${name} ${Array(10).fill("ABCDEFGH"[at - 1]).join("+")}`
      );
      const text = `${
        macros.map((each) => `#define ${each}\n`).join("")
      }int f(void){return I+I;}\n`;
      const job = { source: "bomb.c", support: "bomb.c", files: { "bomb.c": text } };
      const stopped = await compileC([job], (_job, made) => void said.push(made.said), 600_000);
      assert(stopped !== null || said[0]!.includes("out of memory"), said[0]);
    } finally {
      clearInterval(watch);
      await compilerService.close();
    }
    assert(peakBytes > COMPILER_BYTES / 2 && peakBytes <= 1.05 * COMPILER_BYTES, `${peakBytes}`);
  },
});
