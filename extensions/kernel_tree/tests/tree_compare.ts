/**
 * `deno task script tree-compare DIR [--clang PROGRAM]`: performs the golden operations with a tree's own code: on
 * its IOVA allocator, its mapping layer and its page tables. Prints how many results are equal. If a release has
 * no recorded results for the mapping layer, this layer is compared with the model of the release.
 */
import { basename } from "node:path";
import { TreeError } from "@dmalab/runtime/kernels";
import { HostTree } from "@dmalab/cli";
import { SessionClang, TreeBuild } from "@dmalab/c_drivers";
import { GOLDEN_ORACLES } from "../oracles.ts";
import { compareFields, type OperationLine, recordedFields } from "@dmalab/tests";
import { answerOf, type Implementation, STOPPED } from "../oracle/compare.ts";
import { SystemClang } from "./tree/system_clang.ts";

const FOLDERS = ["tests/golden/iova", "tests/golden/pagetable", "tests/golden/swiotlb"];
/** The release on which the golden data of the mapping layer were recorded. */
const RECORDED = "7.2";
/**
 * Names of records that are skipped: records with another page size, and records of the choice of
 * page sizes. The tree has no function that returns this choice.
 */
const OTHER = /^(?:granule64k|dma-64k|pgsize)/;

const [folder, option, program, ...more] = Deno.args;
const isRight = option === undefined || option === "--clang" && program !== undefined;
if (folder === undefined || !isRight || more.length > 0) {
  console.error("usage: deno task script tree-compare DIR [--clang PROGRAM]");
  Deno.exit(2);
}
const { makeModel, makeSide, version } = await opened(folder).catch((error) => {
  if (!(error instanceof TreeError)) throw error;
  console.error(`error: ${error.message}\n  hint: ${error.hint}`);
  Deno.exit(2);
});
let [equal, different, files, skipped] = [0, 0, 0, 0];
const names = FOLDERS.flatMap((folder) =>
  [...Deno.readDirSync(folder)].map(({ name }) => [folder, name] as const)
);
for (const [folder, name] of names.toSorted()) {
  if (!/\.jsonl(?:\.gz)?$/.test(name) || OTHER.test(name)) continue;
  const file = await Deno.open(`${folder}/${name}`);
  const stream = name.endsWith(".gz")
    ? file.readable.pipeThrough(new DecompressionStream("gzip"))
    : file.readable;
  const lines = (await new Response(stream).text()).trim().split("\n");
  const group = `${basename(folder)}/${name}`;
  const isTable = folder.endsWith("pagetable");
  const isPool = folder.endsWith("swiotlb");
  const side = makeSide(
    isPool
      ? "pool"
      : name.startsWith("dma-")
      ? "mapping"
      : !isTable
      ? "iova"
      : name.startsWith("arm")
      ? "armTables"
      : "genericTables",
  );
  if (side === null) {
    skipped++;
    continue;
  }
  files++;
  const model = name.startsWith("dma-") ? makeModel() : null;
  // This release's addresses, by the recorded addresses that they replace.
  const addresses = new Map<unknown, unknown>();
  for (const [index, text] of lines.entries()) {
    const written = JSON.parse(text) as OperationLine;
    const dma = addresses.get(written["dma"]);
    const line = dma === undefined || written.op === "map_phys" ? written : { ...written, dma };
    const result = answerOf(side, line);
    if (model !== null && line.op === "map_phys") addresses.set(line["dma"], result["dma"]);
    if (STOPPED in result) {
      different += lines.length - index;
      console.log(`${name}:${index + 1}`, result[STOPPED], text.slice(0, 200));
      break;
    }
    const answer = model === null ? recordedFields(group, line, result) : result;
    const expected = model === null ? line : { ...line, ...answerOf(model, line) };
    const found = compareFields(expected, answer);
    // An operation without results is not counted.
    if (Object.keys(answer).length === 0) continue;
    if (found === null) equal++;
    else if (++different <= 10) {
      console.log(`${name}:${index + 1}`, JSON.stringify(found), text.slice(0, 200));
    }
  }
}
console.log(
  `${version.name}: ${files} files, ${equal} answers equal, ${different} different` +
    (skipped === 0 ? "" : `; ${skipped} files skipped`),
);
Deno.exit(different === 0 ? 0 : 1);

async function opened(folder: string) {
  const clang = program === undefined ? new SessionClang() : new SystemClang(program);
  try {
    const build = new TreeBuild(new HostTree(folder), clang, program === undefined);
    const makes = new Map<string, () => unknown>();
    // The builds run one after the other, because the compiler has one folder.
    for (const [name, oracle] of Object.entries(GOLDEN_ORACLES)) {
      const [lacking] = oracle.lacking(build);
      if (lacking === undefined) makes.set(name, await oracle.build(build, Infinity));
      else console.log(`skipped | ${oracle.paths[0]} | the tree has no ${lacking}`);
    }
    const makeSide = (name: keyof typeof GOLDEN_ORACLES) =>
      (makes.get(name)?.() ?? null) as Implementation<OperationLine> | null;
    const { major, patch } = build.version;
    const makeModel = () =>
      `${major}.${patch}` === RECORDED
        ? null
        : GOLDEN_ORACLES.mapping.model(build)() as Implementation<OperationLine>;
    return { makeModel, makeSide, version: build.version };
  } finally {
    await clang.close();
  }
}
