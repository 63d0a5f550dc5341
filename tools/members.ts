/**
 * The members of the workspace and their entries, from `deno.json` and the members' own
 * `deno.json`.
 */
import { join, normalize } from "node:path";
import { PROJECT as ROOT } from "./project.ts";

/** The folders of the workspace's members, relative to the root. */
export function members(): readonly string[] {
  const { workspace }: { readonly workspace: readonly string[] } = JSON.parse(
    Deno.readTextFileSync(join(ROOT, "deno.json")),
  );
  return workspace.flatMap((pattern) => {
    const folder = pattern.replace(/^\.\//, "");
    if (!folder.endsWith("/*")) return [folder];
    const above = folder.slice(0, -2);
    return [...Deno.readDirSync(join(ROOT, above))].map(({ name }) => `${above}/${name}`).sort();
  });
}

/** The file of each entry of a member, by the name with which other members import it. */
export function memberEntries(): ReadonlyMap<string, string> {
  return new Map(
    members().flatMap((member) => {
      const { exports, name }: { readonly exports: Record<string, string>; readonly name: string } =
        JSON.parse(Deno.readTextFileSync(join(ROOT, member, "deno.json")));
      return Object.entries(exports).map(([entry, file]): [string, string] => [
        name + entry.slice(1),
        normalize(`${member}/${file}`),
      ]);
    }),
  );
}

/**
 * The entries as the option `paths` of TypeScript.
 * @param root The project's folder, or the folder of a copy.
 */
export function memberPaths(root: string = ROOT): Record<string, string[]> {
  return Object.fromEntries(
    [...memberEntries()].map(([name, file]) => [name, [join(root, file)]]),
  );
}
