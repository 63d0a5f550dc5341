import { assertEquals, assertThrows } from "@std/assert";
import { KERNEL_SHORT_NAMES } from "./behaviours.ts";
import { checkMost, kernelOf, KNOWN_TREES, TreeError, treePath, versionOf } from "./kernel_tree.ts";

const PLACES = "VERSION = 7\nPATCHLEVEL\t=2\nSUBLEVEL = 13 \nEXTRAVERSION = 9\n";
const version = (makefile: string | null) => versionOf({ text: () => makefile });

/** The error message about a tree, and its hint. */
function refused(run: () => unknown): string[] {
  const { hint, message } = assertThrows(run, TreeError);
  return [message, hint];
}

Deno.test("a tree is modelled by its own release, or by the one of its first two numbers", () => {
  assertEquals(version(PLACES), { major: 7, patch: 2, sub: 13, name: "7.2.13" });
  assertEquals(kernelOf(version(PLACES)), "7.2.13");
  assertEquals(kernelOf(version(PLACES.replace("13", "99999"))), KERNEL_SHORT_NAMES["7.2"]);
  assertEquals(
    refused(() => kernelOf(version(PLACES.replace("2", "4")))),
    ["dmalab has no tree support for 7.4.13", "dmalab supports trees of Linux 6.12, 7.2 and 7.3"],
  );
  assertEquals(KNOWN_TREES, "dmalab supports trees of Linux 6.12, 7.2 and 7.3");
  // A modelled release with a tree that was never compiled.
  assertEquals(
    refused(() => kernelOf(version("VERSION = 6\nPATCHLEVEL = 18\nSUBLEVEL = 15\n"))),
    ["dmalab has no tree support for 6.18.15", "dmalab supports trees of Linux 6.12, 7.2 and 7.3"],
  );
  for (const name of ["VERSION", "PATCHLEVEL", "SUBLEVEL"]) {
    const without = [PLACES.replace(new RegExp(`^${name}`, "m"), `NO_${name}`), null];
    for (
      const makefile of [...without, PLACES.replace(new RegExp(`(^${name}.*=).*`, "m"), "$1 x")]
    ) {
      assertEquals(refused(() => version(makefile)), [
        "The folder is not a kernel tree: its Makefile has no VERSION, PATCHLEVEL and SUBLEVEL",
        "name the folder that contains `Makefile`, `include/` and `drivers/`",
      ], name);
    }
  }
});

Deno.test("a path of a tree has no detours, and more of something than is read is refused", () => {
  assertEquals(treePath("/a/./b//c/../../d.c"), "a/d.c");
  assertEquals(checkMost(4, 4, "Kconfig", "files"), undefined);
  assertEquals(
    refused(() => checkMost(5, 4, "Kconfig", "files")),
    ["The tree's Kconfig has more than 4 files", "no release of Linux has as many"],
  );
});
