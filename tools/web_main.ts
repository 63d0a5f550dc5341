/** `deno task web [DIR]`: the playground and the page of reports, each one HTML file. */
import { join } from "@std/path";
import { buildPage, dataText } from "./web/build_page.ts";
import { playgroundData } from "./web/playground_data.ts";

const folder = Deno.args[0] ?? "dist/web";
Deno.mkdirSync(folder, { recursive: true });
const data = dataText(playgroundData());
const entry = new URL("../web/playground_main.ts", import.meta.url);
const page = await buildPage({ entry, kind: "playground", data });
Deno.writeTextFileSync(join(folder, "playground.html"), page);
const packed = await new Response(
  new Blob([page]).stream().pipeThrough(new CompressionStream("gzip")),
).bytes();
console.log(`${folder}/playground.html: ${page.length} characters, ${packed.length} bytes as gzip`);
