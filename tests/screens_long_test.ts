/**
 * What people see: every command as installed, on terminals of two sizes, without colours and in a pipe.
 * After an intended change, `deno test -A tests/screens_long_test.ts -- --update [NAME…]` writes the
 * screens; look at what git shows then.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { giveDeno, has, ownPlaces, withPackage } from "./package_shell.ts";
import { hasPty } from "./pty.ts";
import { putInputs, screensOf } from "./screens/run_screen.ts";
import { screenFile, SCREENS } from "./screens/screens.ts";

const UPDATE = Deno.args.includes("--update");
/** Stands for the folder of the installed package. */
const INSTALLED = "/usr/lib/node_modules/dmalab";

Deno.test({
  name: "every command shows what it has shown",
  ignore: !hasPty() || !has("node"),
  fn: (t) =>
    withPackage(async (base, dist) => {
      giveDeno(dist);
      const env = { ...ownPlaces(), PATH: Deno.env.get("PATH")! };
      const program = `node '${join(dist, "lib/bin.js")}'`;
      let folders = 0;
      const folder = () => {
        const path = join(base, "screens", String(folders++), "work");
        putInputs(path);
        return path;
      };
      const named = Deno.args.filter((word) => !word.startsWith("--"));
      for (const row of SCREENS) {
        if (named.length > 0 && !named.includes(row.name)) continue;
        await t.step(row.name, async () => {
          const shown = (await screensOf(row, folder, program, env)).replaceAll(dist, INSTALLED);
          if (UPDATE) Deno.writeTextFileSync(screenFile(row), shown);
          else assertEquals(shown, Deno.readTextFileSync(screenFile(row)));
        });
      }
    }),
});
