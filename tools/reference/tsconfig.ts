/**
 * `tsconfig.json`: the paths of the members' names, for editors and tools that do not read
 * `deno.json`.
 */
import { join } from "node:path";
import { memberEntries } from "../members.ts";
import { PROJECT } from "../project.ts";

/** Members that use no Deno API: plain `tsc` checks them. */
const PURE_MEMBERS = ["runtime", "devices", "lang", "recording"] as const;

/** Compiler options that all projects of these sources share, with the checks of `deno.json`. */
export function sourceOptions(): Readonly<Record<string, unknown>> {
  const { compilerOptions: checks } = JSON.parse(
    Deno.readTextFileSync(join(PROJECT, "deno.json")),
  );
  return {
    target: "esnext",
    module: "esnext",
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    lib: ["esnext", "dom", "dom.iterable"],
    types: [],
    ...checks,
  };
}

/** The text of `tsconfig.json`, with paths from the members' exports. */
export function tsconfigText(): string {
  const config = {
    compilerOptions: {
      ...sourceOptions(),
      paths: Object.fromEntries(
        [...memberEntries()].map(([name, file]) => [name, [`./${file.replaceAll("\\", "/")}`]]),
      ),
    },
    include: PURE_MEMBERS.map((folder) => `${folder}/**/*.ts`),
    exclude: ["**/*_test.ts"],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
