/** Reads the lines of golden data files, gzipped or not. */

const GOLDEN = new URL("../golden/", import.meta.url);

/** Every line of `tests/golden/<path>` as a JSON value; `path` with or without `.gz`. */
export async function goldenLines(path: string): Promise<unknown[]> {
  const bytes = await Deno.readFile(new URL(path, GOLDEN));
  let text: string;
  if (path.endsWith(".gz")) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    text = await new Response(stream).text();
  } else text = new TextDecoder().decode(bytes);
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as unknown);
}

/** The names of the data files in `tests/golden/<folder>`, sorted. */
export function goldenFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, GOLDEN))]
    .map((entry) => entry.name)
    .filter((name) => name.endsWith(".jsonl") || name.endsWith(".jsonl.gz"))
    .sort();
}
