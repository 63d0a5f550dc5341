/** Programs laid out by lot: the formatter changes nothing but their looks. */
import { formatSource } from "@dmalab/lang/format";
import { LoadError } from "@dmalab/lang/syntax";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { Choices } from "./choices.ts";
import { readCorpus } from "./corpus.ts";
import { laidOut } from "./laid_out.ts";

export interface LayoutReport {
  /** Programs that the formatter had something to do with. */
  readonly changed: number;
  /** Programs that pass the checker. */
  readonly sound: number;
  /** What the formatter should not have said or done, as text. */
  readonly wrong: readonly string[];
}

/**
 * Reads, lays out, compares, and lays out again the programs of the first seeds.
 *
 * That the tree and the comments stay the same, formatSource() checks itself, whatever the text: it
 * throws otherwise.
 */
export function tryLayouts(count: number): LayoutReport {
  const { programs } = readCorpus();
  let changed = 0;
  let sound = 0;
  const wrong: string[] = [];
  for (let seed = 0; seed < count; seed++) {
    const program = programs[seed % programs.length]!;
    const source = new SourceFile(`seed ${seed}`, laidOut(program, new Choices(seed)));
    const load = (path: string) => new LoadError("not_found", path);
    if (loadProgram(source, { load }).program !== null) sound++;
    const once = formatSource(source);
    if (!once.ok) {
      wrong.push(`seed ${seed} does not parse`);
      continue;
    }
    if (once.text !== source.text) changed++;
    const twice = formatSource(new SourceFile(`seed ${seed}, formatted`, once.text));
    if (!twice.ok || twice.text !== once.text) {
      wrong.push(`seed ${seed} is formatted otherwise twice`);
    }
  }
  return { changed, sound, wrong };
}
