/** A small campaign in a folder of its own. */
import { join } from "@std/path";
import { ROOT } from "../source_text.ts";

export const PLAN = {
  name: "night",
  shards: 3,
  tries: [
    { driver: "lists.dma", modes: ["strict", "lazy"], seeds: [1, 6], cases: 150 },
    { suite: ["look.dma"], releases: ["6.12.117", "7.3.4"] },
  ],
};

/** Does something in a folder with a plan and its scenarios, which is gone afterwards. */
export async function withPlan<T>(
  plan: object,
  body: (folder: string, plan: string) => T | Promise<T>,
): Promise<T> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "dmalab-campaign-" }));
  try {
    Deno.copyFileSync(join(ROOT, "examples/drivers/01-hunted-driver.dma"), `${folder}/lists.dma`);
    Deno.copyFileSync(join(ROOT, "examples/start/01-first-look.dma"), `${folder}/look.dma`);
    Deno.writeTextFileSync(`${folder}/night.json`, `${JSON.stringify(plan, null, 2)}\n`);
    return await body(folder, `${folder}/night.json`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The files of a folder and their texts, in the order of their names. */
export function textsOf(folder: string): readonly (readonly [string, string])[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted()
    .map((name) => [name, Deno.readTextFileSync(`${folder}/${name}`)] as const);
}
