/**
 * `deno task tree-compare DIR [--clang PROGRAM]`: performs the golden operations on the IOVA allocator and on the
 * mapping layer with a tree's own code, and prints how many results are equal.
 */
import { TreeError } from "../c_drivers/tree/tree_files.ts";
import { HostTree } from "../cli/c/host_tree.ts";
import { TreeBuild } from "../cli/c/tree_build.ts";
import { SessionClang } from "../cli/c/tree_clang.ts";
import { GOLDEN_ORACLES } from "../cli/tree/oracles.ts";
import { compareFields, type TraceLine } from "./conformance/traces/iova_trace.ts";
import { recordedFields } from "./conformance/traces/dma_trace.ts";
import { answerOf, type Side, STOPPED } from "../instruments/oracle/compare.ts";
import { SystemClang } from "./tree/system_clang.ts";

const FOLDER = "tests/golden/iova";
/** Another layer's records, and those of another page size. */
const OTHER = /^(?:granule64k|dma-64k)/;

const [folder, option, program, ...more] = Deno.args;
const isRight = option === undefined || option === "--clang" && program !== undefined;
if (folder === undefined || !isRight || more.length > 0) {
  console.error("usage: deno task tree-compare DIR [--clang PROGRAM]");
  Deno.exit(2);
}
const { makeIova, makeMapping, version } = await opened(folder).catch((error) => {
  if (!(error instanceof TreeError)) throw error;
  console.error(`error: ${error.message}\n  hint: ${error.hint}`);
  Deno.exit(2);
});
let [equal, different, files] = [0, 0, 0];
for (const { name } of [...Deno.readDirSync(FOLDER)].toSorted((a, b) => a.name < b.name ? -1 : 1)) {
  if (!/\.jsonl(?:\.gz)?$/.test(name) || OTHER.test(name)) continue;
  const file = await Deno.open(`${FOLDER}/${name}`);
  const stream = name.endsWith(".gz")
    ? file.readable.pipeThrough(new DecompressionStream("gzip"))
    : file.readable;
  const lines = (await new Response(stream).text()).trim().split("\n");
  const side = name.startsWith("dma-") ? makeMapping() : makeIova();
  files++;
  for (const [index, text] of lines.entries()) {
    const line = JSON.parse(text) as TraceLine;
    const result = answerOf(side as Side<TraceLine>, line);
    if (STOPPED in result) {
      different += lines.length - index;
      console.log(`${name}:${index + 1}`, result[STOPPED], text.slice(0, 200));
      break;
    }
    const answer = recordedFields(line, result);
    const found = compareFields(line, answer);
    // What answers nothing is no answer that could differ.
    if (Object.keys(answer).length === 0) continue;
    if (found === null) equal++;
    else if (++different <= 10) {
      console.log(`${name}:${index + 1}`, JSON.stringify(found), text.slice(0, 200));
    }
  }
}
console.log(
  `${version.name}: ${files} files, ${equal} answers equal, ${different} different`,
);
Deno.exit(different === 0 ? 0 : 1);

async function opened(folder: string) {
  const clang = program === undefined ? new SessionClang() : new SystemClang(program);
  try {
    const build = new TreeBuild(new HostTree(folder), clang, program === undefined);
    return {
      makeIova: await GOLDEN_ORACLES.iova.build(build),
      makeMapping: await GOLDEN_ORACLES.mapping.build(build),
      version: build.version,
    };
  } finally {
    await clang.close();
  }
}
