/** Every form of a path leads to the same folder. No other folder may be read or changed. */
import { TempFolder } from "@dmalab/tools";
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { doAll } from "./places.ts";

const ROOT_NAME = "root";
/** Unusual names of folders below the current one. */
const ODD = ["a b", "a\\b", "%41", "#x", "ü", "[x]", "line\nbreak", "..b", "...", "constructor"];
/** Folders with scenarios, relative to the root; the current folder is `here`. */
const PLACES = ["", "b", "here", "here/b", "elsewhere", "elsewhere/b", "elsewhere/deep"]
  .concat(ODD.map((name) => `here/${name}`));

/**
 * Forms of a folder's path, each with the folder to which it leads. `ROOT` stands for the path of
 * the root.
 */
const FORMS: readonly (readonly [typed: string, place: string])[] = [
  ["..", ""],
  [".", "here"],
  ["./", "here"],
  ["../b", "b"],
  ["../b/", "b"],
  ["..//b", "b"],
  ["./.././b", "b"],
  ["../here/../b", "b"],
  [`../../${ROOT_NAME}/b`, "b"],
  ["b", "here/b"],
  ["ROOT/b", "b"],
  ["ROOT/here/../b", "b"],
  // The system resolves links first: `..` after a link is the folder above the link's target.
  ["link", "elsewhere/deep"],
  ["link/..", "elsewhere"],
  ["link/../b", "elsewhere/b"],
  ["../here/link/../b", "elsewhere/b"],
  ...ODD.map((name) => [name, `here/${name}`] as const),
];

/** Commands that take folders of scenarios; the last one writes. */
const COMMANDS = ["run", "test", "check", "bench", "fmt"];

function scenario(place: string): string {
  const marker = markerOf(place);
  return `machine { pci { root_port rp0 { nvme ssd { } } } }
let unused   = "${marker}"
print "${marker}"
bench "b ${marker}" { loop { advance 1ns } }
test "${marker}" { print "${marker}" }
`;
}

function markerOf(place: string): string {
  return `<${PLACES.indexOf(place)}>`;
}

function makeRoot(root: string): void {
  for (const place of PLACES) {
    Deno.mkdirSync(join(root, place), { recursive: true });
    Deno.writeTextFileSync(join(root, place, "x.dma"), scenario(place));
  }
  Deno.symlinkSync("../elsewhere/deep", join(root, "here/link"));
}

/** The places with a scenario that was changed. */
function changedIn(root: string): readonly string[] {
  return PLACES.filter((place) =>
    Deno.readTextFileSync(join(root, place, "x.dma")) !== scenario(place)
  );
}

Deno.test({
  name: "every command reads and writes the folder that is named, by .., links and odd names",
  ignore: Deno.build.os === "windows",
  async fn(context) {
    using folder = new TempFolder();
    const cases = FORMS.flatMap(([typed, place], index) => {
      const root = folder.at(`${index}`, ROOT_NAME);
      makeRoot(root);
      const named = typed.replace("ROOT", root);
      const words = [...COMMANDS.map((command) => [command, named]), [
        "run",
        `${named.replace(/\/$/, "")}/x.dma`,
      ]];
      // A bench is slow, so it is tried with few forms.
      const tried = words.filter(([command]) => command !== "bench" || typed.endsWith("/b"));
      return tried.map((each) => ({ root, place, folder: join(root, "here"), words: each }));
    });
    const done = await doAll(cases, folder.path);
    for (const [index, { place, root, words }] of cases.entries()) {
      await context.step(words.join(" ").replace(root, "ROOT"), () => {
        const { errors, exitCode, output } = done[index]!;
        const said = `${output}${errors}`;
        const [command, named] = words;
        const below = PLACES.filter((each) =>
          each === place || place === "" || each.startsWith(`${place}/`)
        );
        if (command === "fmt") {
          // A link out of the current folder is not followed for writing.
          const isRefused = named!.includes("link");
          assertEquals(changedIn(root), isRefused ? [] : below, said);
          assertEquals([said.includes("E1101"), exitCode], [isRefused, isRefused ? 2 : 0], said);
        } else {
          const read = named!.endsWith(".dma") ? [place] : below;
          const markers = new Set(said.match(/<\d+>/g));
          assertEquals([...markers].sort(), read.map(markerOf).sort(), said);
          assertEquals(exitCode, 0, said);
        }
      });
    }
  },
});
