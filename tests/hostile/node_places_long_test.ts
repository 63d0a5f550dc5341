/** The same places on Node, by the package: what refuses them asks the host through one module. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { builtPackage } from "../built_package.ts";
import { type Case, CASES, makeCase, outsideOf } from "./hold_places.ts";
import { SECRET } from "./places.ts";

/** A witness for each way of writing: replaced, appended to a draft, found in a folder of ours. */
const PLACES = ["test keeps what failed", "run --export of lines", "test --failed"];

/** Node's processes cost half a second each. */
const isTried = ({ trap, use }: Case) =>
  (PLACES.includes(use.name) || use.inPackage === true) &&
  ["a link to a file outside", "a pipe", "a hard link"].includes(trap.name);

function runNode(program: string, folder: string, words: readonly string[]) {
  const { code, stderr, stdout } = new Deno.Command("node", {
    args: [program, ...words],
    cwd: folder,
  }).outputSync();
  const decoder = new TextDecoder();
  return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test({
  name:
    "on Node, too, links, pipes and hard links are refused by name, and files are written whole",
  ignore: Deno.build.os === "windows",
  async fn(context) {
    const folder = Deno.makeTempDirSync({ prefix: "dmalab-node-places-" });
    const program = join(builtPackage(), "bin.js");
    try {
      for (const [index, { trap, use }] of CASES.filter(isTried).entries()) {
        await context.step(`${use.name}: ${trap.name}`, () => {
          const own = join(folder, `${index}`);
          const repository = makeCase(use, trap, own, []);
          const before = outsideOf(own);
          const { code, said } = runNode(program, repository, use.words);
          assertEquals(code, 2, said);
          assertMatch(said, /error\[E1101\]: Cannot (?:read|write) "/);
          assert(said.includes(use.place) && !said.includes(SECRET), said);
          assertEquals(outsideOf(own), before);
        });
      }
      await context.step("a file keeps its rights, and is replaced", () => {
        const path = join(folder, "f.dma");
        Deno.writeTextFileSync(path, "print   1\n", { mode: 0o750 });
        assertEquals(runNode(program, folder, ["fmt", "f.dma"]).code, 0);
        assertEquals(Deno.readTextFileSync(path), "print 1\n");
        assertEquals(Deno.statSync(path).mode! & 0o777, 0o750);
      });
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
