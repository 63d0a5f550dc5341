/** What `dmalab init` says that a new folder installs dmalab from. */
import { assertEquals } from "@std/assert";
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

const ROWS: readonly (readonly [
  what: string,
  files: readonly string[],
  ownPackage: string | null,
  line: string | RegExp,
])[] = [
  ["a packed file in it", [`work/lab/${PACKED}`], null, `npm install -D ./${PACKED}`],
  ["one beside it", [`work/${PACKED}`], "/usr/lib/dmalab", `npm install -D ../${PACKED}`],
  ["one further up", [PACKED], null, /^npm install -D \/.*\/dmalab-[\d.]+\.tgz$/],
  [
    "a package of another version beside it",
    ["work/dmalab-0.0.1.tgz"],
    "/usr/lib/dmalab",
    "npm install -D --install-links /usr/lib/dmalab",
  ],
  [
    "the package that runs",
    [],
    "/opt/my tools/dmalab",
    'npm install -D --install-links "/opt/my tools/dmalab"',
  ],
  ["sources", [], null, /^npm install -D --install-links \/.*\/dist$/],
];

for (const [what, files, ownPackage, line] of ROWS) {
  Deno.test(`dmalab init gives the line that installs what is there: ${what}`, () => {
    const base = Deno.realPathSync(Deno.makeTempDirSync());
    try {
      const lab = join(base, "work", "lab");
      Deno.mkdirSync(lab, { recursive: true });
      for (const file of files) Deno.writeTextFileSync(join(base, file), "");
      const lines = initLines("lab", NOTHING, packageSource(lab, ownPackage));
      const found = lines.find((each) => each.includes("npm install -D"))!.trim();
      assertEquals(typeof line === "string" ? found === line : line.test(found), true, found);
      assertEquals(lines[0], "Wrote in lab: a.");
      const makes = lines.some((each) => each.includes(" task package"));
      assertEquals(makes, ownPackage === null && files.length === 0);
    } finally {
      Deno.removeSync(base, { recursive: true });
    }
  });
}
