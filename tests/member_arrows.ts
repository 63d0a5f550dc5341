/** The picture of the members in docs/dev/architecture.md, which is the record of who may load whom. */
import { join } from "node:path";
import { ROOT } from "./source_text.ts";

/** An arrow, by the last words of the members' folders. */
export interface DrawnArrow {
  readonly from: string;
  readonly to: string;
}

export function drawnArrows(): readonly DrawnArrow[] {
  const page = Deno.readTextFileSync(join(ROOT, "docs/dev/architecture.md"));
  const [, picture] = /```mermaid\n([^`]*)```/.exec(page)!;
  return [...picture!.matchAll(/(\w+) --> (\w+)/g)].map(([, from, to]) => ({
    from: from!,
    to: to!,
  }));
}
