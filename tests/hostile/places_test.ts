/**
 * Links, pipes, sockets and hard links in places where the command line writes or reads. The
 * command must refuse each of them by name, and must not change or show anything outside of the
 * folder. Here each place is tested with one kind of entry; `places_long_test.ts` tests the other
 * kinds.
 */
import { assert, assertEquals } from "@std/assert";
import { readSources } from "../source_text.ts";
import { CASES, isWitness, refuseAll } from "./places.ts";

Deno.test({
  name:
    "a link, a pipe, a socket or a hard link is refused by name in every place, and leads nowhere",
  ignore: Deno.build.os === "windows",
  fn: (context) => refuseAll(context, CASES.filter(isWitness)),
});

/** Paths of tests, and of code that runs in a browser or an editor. */
const OF_TESTS = /_test\.ts$|\/tests\/|^extensions\/editor\/vscode\//;

/** Calls of functions of `host` that change files. */
const WRITERS =
  /\bhost\.(?:write\w*File|mkdir|rename|remove|create|copyFile|symlink|link|truncate|chmod|chown)(?:Sync)?\(|\bhost\.open(?:Sync)?\([^;]*?\b(?:write|append|create\w*|truncate): true/;

Deno.test("the command line writes files in one module only", () => {
  const sources = readSources(["cli", "extensions"]).filter(({ path }) => !OF_TESTS.test(path));
  assert(sources.length > 100);
  const writers = sources.filter(({ text }) => WRITERS.test(text)).map(({ path }) => path);
  assertEquals(writers, ["cli/files/write_file.ts"]);
});

/** Calls of functions of `host` that read files. */
const READERS = /\bhost\.(?:open|read(?:Text)?File)(?:Sync)?\(/;

Deno.test("the command line reads files of users in one module, and names its other readers", () => {
  const readers = readSources(["cli", "extensions"]).filter(({ path, text }) =>
    !OF_TESTS.test(path) && READERS.test(text)
  );
  assertEquals(readers.map(({ path }) => path).sort(), [
    // `cli/places.ts` and `report_data.ts` read only dmalab's own files: the report page, rules,
    // the package itself.
    "cli/files/write_file.ts",
    "cli/host_file.ts",
    "cli/places.ts",
    // This file reads the two trees of a review itself, because it compares a link as a link.
    // host_file.ts would follow the link.
    "extensions/kernel_tree/review/differing_paths.ts",
    "extensions/page/cli/report_data.ts",
    // Reads the memory of a guest, which QEMU has written to a file. The first bytes of the file
    // give the length of the report.
    "extensions/real_kernel/boot/boot_guest.ts",
    // This file reads traces piece by piece, because they may have any length. Before that,
    // host_file.ts checks that the path is a regular file.
    "extensions/traces/cli/read_lines.ts",
  ]);
});
