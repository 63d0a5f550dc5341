/** The contents of the package, and that it runs; package_install_long_test.ts installs it. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch } from "@std/assert";
import * as library from "dmalab";
import * as recordingLibrary from "dmalab/recording";
import * as scenarios from "dmalab/test";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildPackage } from "@dmalab/tools/package";
import { DENO_VERSION, VERSION } from "@dmalab/cli/extend";
import { deadLinks } from "./page_links.ts";
import { shell, TWO_PASSES, withPackage } from "./package_shell.ts";
import { filesBelow, ROOT } from "./source_text.ts";

Deno.test("the package carries what it needs, and works without this project (docs/install.md)", (t) =>
  withPackage(async (base, dist) => {
    await t.step("carries its types, its rules, its licence and its manual", () => {
      const { version, bin, exports } = JSON.parse(
        Deno.readTextFileSync(join(dist, "package.json")),
      );
      assertEquals(version, VERSION);
      for (
        const path of [
          bin.dmalab,
          exports["."].types,
          exports["./recording"].types,
          exports["./test"].types,
        ]
      ) {
        assert(Deno.statSync(join(dist, path)).isFile, path);
      }
      for (
        const path of [
          "LICENSE",
          "CHANGELOG.md",
          "README.md",
          "docs/rules/dma.md",
          "docs/builtins/nvme.md",
          "docs/language/declarations.md",
          "docs/tutorial.md",
          "examples/start/01-first-look.dma",
        ]
      ) {
        assert(Deno.statSync(join(dist, path)).size > 1000, path);
      }
    });

    await t.step("exports what the library does", async () => {
      const modules = { mod: library, recording: recordingLibrary, scenarios };
      for (const [name, module] of Object.entries(modules)) {
        const built = await import(pathToFileURL(join(dist, `lib/${name}.js`)).href);
        assertEquals(Object.keys(built), Object.keys(module), name);
        assert(Object.keys(built).length > 0, name);
      }
    });

    await t.step("has every file and heading that a page of its manual leads to", () => {
      const { dead, links } = deadLinks(dist);
      assert(links > 400, `${links} links`);
      assertEquals(dead, []);
    });

    await t.step("has every driver and scenario that a page of its manual names", () => {
      const pages = filesBelow(join(dist, "docs")).filter((path) => path.endsWith(".md"));
      const named = new Set(
        pages.flatMap((page) =>
          [
            ...Deno.readTextFileSync(page).matchAll(
              /\b(?:extensions|examples)\/[\w./-]+\.(?:c|dma)\b/g,
            ),
          ]
            .map(([path]) => path)
        ),
      );
      assert(named.size > 20, [...named].join(" "));
      const files = new Set(filesBelow(dist));
      const missing = [...named].filter((path) => !files.has(join(dist, path)));
      assertEquals(missing, []);
    });

    await t.step(
      "runs on Deno, and what Node starts names the Deno that it was tested with",
      () => {
        assertMatch(
          shell(base, base, "deno run -R dist/lib/main.js run two.dma").output,
          TWO_PASSES,
        );
        const { dependencies } = JSON.parse(Deno.readTextFileSync(join(dist, "package.json")));
        assertEquals(dependencies, { deno: DENO_VERSION });
      },
    );

    await t.step("has its code below one folder", () => {
      const names = [...Deno.readDirSync(dist)].map(({ name }) => name).toSorted();
      const documents = ["CHANGELOG.md", "LICENSE", "README.md", "THIRD-PARTY-LICENSES"];
      const folders = ["docs", "examples", "extensions", "lib"];
      assertEquals(names, [...documents, ...folders, "package.json"].toSorted());
    });

    await t.step("exports no file that it does not name", () => {
      const { exports } = JSON.parse(Deno.readTextFileSync(join(dist, "package.json")));
      const names = [".", "./recording", "./test", "./run", "./*.dma"];
      assertEquals(Object.keys(exports), names);
    });
  }));

Deno.test("what a new folder names is the Deno that this project is tested with", () => {
  const script = Deno.readTextFileSync(join(ROOT, ".ci/run"));
  assertEquals(script.match(/^version=(.*)$/m)?.[1], DENO_VERSION);
});

Deno.test("a package is built in an empty folder or instead of an earlier one", () => {
  using folder = new TempFolder({ "package.json": '{"name": "theirs"}', "notes.js": "// theirs" });
  assertMatch(buildPackage(folder.path, false) ?? "", /has files, and is no package of dmalab/);
  assertEquals([...Deno.readDirSync(folder.path)].length, 2);
});
