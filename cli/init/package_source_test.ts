/** The source from which a folder made by `dmalab init` installs dmalab. */
import { assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../package_version.ts";
import { join } from "../paths.ts";
import { initLines } from "./init_lines.ts";
import { packageSource } from "./package_source.ts";

const PACKED = `dmalab-${VERSION}.tgz`;
const NOTHING = {
  done: true,
  written: ["a"],
  added: [],
  kept: [],
  toCopy: [],
  inside: "",
} as const;

const INSTALL = `npm install -D ./${PACKED}`;

const ROWS: readonly (readonly [
  what: string,
  files: readonly string[],
  ownPackage: string | null,
  before: readonly RegExp[],
])[] = [
  ["a packed file in it", [`work/lab/${PACKED}`], null, []],
  ["one beside it", [`work/${PACKED}`], "/usr/lib/dmalab", [/^cp \.\.\/dmalab-[\d.]+\.tgz \.$/]],
  ["one further up", [PACKED], null, [/^cp \/.*\/dmalab-[\d.]+\.tgz \.$/]],
  [
    "a package of another version beside it",
    ["work/dmalab-0.0.1.tgz"],
    "/usr/lib/dmalab",
    [/^npm pack \/usr\/lib\/dmalab$/],
  ],
  ["the package that runs", [], "/opt/my tools/dmalab", [/^npm pack "\/opt\/my tools\/dmalab"$/]],
  ["sources", [], null, [/ task package\)$/, /^npm pack \/.*\/dist$/]],
];

for (const [what, files, ownPackage, before] of ROWS) {
  Deno.test(`dmalab init gives the lines that install what is there: ${what}`, () => {
    const base = Deno.realPathSync(Deno.makeTempDirSync());
    try {
      const lab = join(base, "work", "lab");
      Deno.mkdirSync(lab, { recursive: true });
      for (const file of files) Deno.writeTextFileSync(join(base, file), "");
      const lines = initLines("lab", NOTHING, packageSource(lab, ownPackage))
        .map((line) => line.trim());
      assertEquals(lines[0], "Wrote in lab: a.");
      const installed = lines.slice(lines.indexOf("cd lab") + 1, lines.indexOf("npx dmalab test"));
      assertEquals(installed.at(-1), INSTALL);
      assertEquals(installed.length, before.length + 1);
      for (const [index, line] of before.entries()) assertMatch(installed[index]!, line);
    } finally {
      Deno.removeSync(base, { recursive: true });
    }
  });
}
