/** `deno task web [DIR]`: builds the playground and the page of reports, each one HTML file. */
import { join } from "node:path";
import { builtInText } from "@dmalab/page";
import { buildPage, packedBytes, type PagePlan, REPORT_PLAN } from "./web/build_page.ts";
import { playgroundData } from "./web/playground_data.ts";

const folder = Deno.args[0] ?? "dist/web";
Deno.mkdirSync(folder, { recursive: true });
const playground: PagePlan = {
  entry: new URL("../extensions/page/playground_main.ts", import.meta.url),
  kind: "playground",
  data: builtInText(playgroundData()),
};
for (const plan of [playground, REPORT_PLAN]) {
  const page = buildPage(plan);
  const path = join(folder, `${plan.kind}.html`);
  Deno.writeTextFileSync(path, page);
  console.log(`${path}: ${Deno.statSync(path).size} bytes, ${packedBytes(page)} as gzip`);
}
