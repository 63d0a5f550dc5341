/** The members of the workspace, and what each imports of the others, as Deno itself resolves it. */
import { assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join, relative, toFileUrl } from "@std/path";
import { runDeno } from "./deno_process.ts";
import { filesBelow, ROOT } from "./source_text.ts";

/** An import as it is written in a file, and the file that it means. */
interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly to: string;
  /** Loaded when it is wanted. */
  readonly late: boolean;
}

const MEMBERS: readonly string[] = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")))
  .workspace.flatMap((pattern: string) =>
    pattern.endsWith("/*")
      ? [...Deno.readDirSync(join(ROOT, dirname(pattern)))]
        .map(({ name }) => `${dirname(pattern)}/${name}`.replace("./", ""))
      : [pattern.replace("./", "")]
  );

function memberOf(file: string): string | undefined {
  return MEMBERS.find((member) => file.startsWith(`${member}/`));
}

/** Every import of the members' files. */
async function importsOfMembers(): Promise<readonly Import[]> {
  const files = MEMBERS.flatMap((member) => filesBelow(join(ROOT, member)))
    .filter((path) => path.endsWith(".ts"));
  const all = Deno.makeTempFileSync({ suffix: ".ts" });
  try {
    Deno.writeTextFileSync(
      all,
      files.map((file) => `import ${JSON.stringify(toFileUrl(file).href)};\n`).join(""),
    );
    const { output, success } = await runDeno(
      ["info", "--json", "--config", join(ROOT, "deno.json"), all],
      { folder: ROOT },
    );
    assertEquals(success, true, output);
    return importsIn(JSON.parse(output.slice(output.indexOf("{"))));
  } finally {
    Deno.removeSync(all);
  }
}

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly isDynamic?: boolean;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

function importsIn({ modules }: Graph): readonly Import[] {
  const path = (url: string) => relative(ROOT, fromFileUrl(url)).replaceAll("\\", "/");
  return modules.filter(({ specifier }) => specifier.startsWith("file:")).flatMap((module) =>
    (module.dependencies ?? []).flatMap(({ code, isDynamic, specifier, type }) => {
      const target = code?.specifier ?? type?.specifier;
      return target?.startsWith("file:")
        ? [{ from: path(module.specifier), specifier, to: path(target), late: isDynamic ?? false }]
        : [];
    })
  ).filter(({ from }) => memberOf(from) !== undefined);
}

const IMPORTS = await importsOfMembers();

Deno.test("a member imports another by its name, and so only what it exports", () => {
  const strays = IMPORTS.filter(({ from, specifier, to }) =>
    memberOf(from) !== memberOf(to) && !specifier.startsWith("@dmalab/")
  );
  assertEquals(strays, []);
});

Deno.test("the picture in docs/dev/architecture.md has each arrow between members, and none too many", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/dev/architecture.md"));
  const picture = /```mermaid\n([^`]*)```/.exec(page)![1]!;
  const drawn = [...picture.matchAll(/(\w+) --> (\w+)/g)].map(([, from, to]) => `${from} --> ${to}`);
  const name = (file: string) => memberOf(file)?.split("/").at(-1);
  const there = new Set(
    IMPORTS.filter(({ from, to }) => memberOf(to) !== undefined && memberOf(from) !== memberOf(to))
      .filter(({ from }) => !from.endsWith("_test.ts") && !from.includes("/tests/"))
      .filter(({ from }) => from !== "cli/commands.ts")
      .map(({ from, to }) => `${name(from)} --> ${name(to)}`),
  );
  assertEquals(drawn.toSorted(), [...there].toSorted());
});

Deno.test("no more than three files need each other in a circle", () => {
  const next = Map.groupBy(IMPORTS.filter(({ late }) => !late), ({ from }) => from);
  const circles = stronglyConnected(
    [...next.keys()],
    (file) => (next.get(file) ?? []).map(({ to }) => to),
  );
  assertEquals(circles.filter((files) => files.length > 3), []);
});

/** Tarjan's strongly connected components of more than one node. */
function stronglyConnected(
  nodes: readonly string[],
  next: (node: string) => readonly string[],
): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string) => {
    order.set(node, order.size);
    low.set(node, order.get(node)!);
    stack.push(node);
    for (const other of next(node)) {
      if (!order.has(other)) visit(other);
      else if (!stack.includes(other)) continue;
      low.set(node, Math.min(low.get(node)!, low.get(other)!));
    }
    if (low.get(node) !== order.get(node)) return;
    const part = stack.splice(stack.indexOf(node));
    if (part.length > 1) found.push(part.toSorted());
  };
  for (const node of nodes) if (!order.has(node)) visit(node);
  return found;
}
