/**
 * Which room of `lang/` may import which, and `extensions/c_drivers/` beside them: the picture in `docs/dev/architecture.md`, as a checker.
 *
 * The picture is the record. An arrow lets a room load another one and all that its arrows lead to;
 * a dotted arrow lets it name types there, and there only.
 */
import { type ImportLine, importsOf } from "./layers.ts";
import type { SourceText } from "./source_text.ts";

/** For each room those it may import; for the circle-free picture, that is an order too. */
export interface Rooms {
  readonly arrows: readonly Arrow[];
  /** Rooms that a room may load, over however many arrows. */
  readonly loads: ReadonlyMap<string, ReadonlySet<string>>;
  /** Rooms of which it may name types: dotted arrows count too. */
  readonly names: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly dotted: boolean;
}

const PICTURE = /```mermaid\n(.*?)```/s;
const ARROW = /^\s*(\w+) (-->|-\.->) (\w+)$/gm;

/** Reads the picture of a page. */
export function readRooms(page: string): Rooms {
  const arrows: Arrow[] = [];
  for (const [, from, line, to] of (PICTURE.exec(page)?.[1] ?? "").matchAll(ARROW)) {
    arrows.push({ from: from!, to: to!, dotted: line === "-.->" });
  }
  return {
    arrows,
    loads: reachable(arrows.filter(({ dotted }) => !dotted)),
    names: reachable(arrows),
  };
}

function reachable(arrows: readonly Arrow[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { from } of arrows) {
    const rooms = new Set<string>();
    const pending = [from];
    for (let room = pending.pop(); room !== undefined; room = pending.pop()) {
      for (const arrow of arrows) {
        if (arrow.from !== room || rooms.has(arrow.to)) continue;
        rooms.add(arrow.to);
        pending.push(arrow.to);
      }
    }
    found.set(from, rooms);
  }
  return found;
}

/** The room of a file: `c_drivers`, in `lang/` its folder or its own name; null for another layer. */
export function roomOf(path: string): string | null {
  if (path.startsWith("extensions/c_drivers/")) return "c_drivers";
  return /^lang\/(\w+)/.exec(path)?.[1] ?? null;
}

/** What is wrong, one sentence for each import in the wrong place or arrow without any. */
export function roomViolations(sources: readonly SourceText[], rooms: Rooms): string[] {
  const found = [...rooms.loads]
    .filter(([room, reached]) => reached.has(room) || rooms.names.get(room)!.has(room))
    .map(([room]) => `The arrows lead from ${room} back to it`);
  const unused = new Set(rooms.arrows);
  for (const source of sources) {
    const from = roomOf(source.path);
    if (from === null || source.path.endsWith("_test.ts")) continue;
    for (const { line, target, typeOnly } of importsOf(source)) {
      const to = target === null ? null : roomOf(target);
      if (to === null || to === from) continue;
      for (const arrow of unused) if (arrow.from === from && arrow.to === to) unused.delete(arrow);
      if ((typeOnly ? rooms.names : rooms.loads).get(from)?.has(to)) continue;
      const verb = typeOnly ? "name a type of" : "load";
      found.push(`${source.path}:${line}: ${from} may not ${verb} ${to}`);
    }
  }
  for (const { from, to } of unused) found.push(`No file of ${from} imports ${to}`);
  return found;
}

const EXCUSED = /^\| `((?:[\w-]+\/)+[\w-]+\.ts)` \| (.+) \|$/gm;

/** Files that the page lets what they need name types of, each with the reason. */
export function readExcused(page: string): ReadonlyMap<string, string> {
  const section = /### Circles\n(.*?)(?=\n#|$)/s.exec(page)?.[1] ?? "";
  return new Map([...section.matchAll(EXCUSED)].map(([, path, reason]) => [path!, reason!]));
}

/**
 * A circle of imports, types too, that no excused file closes; null when there is none. What a function
 * loads when it is called is not needed before.
 */
export function findCircle(
  imports: readonly ImportLine[],
  excused: { has(path: string): boolean },
): readonly string[] | null {
  const targets = new Map<string, string[]>();
  for (const { late, path, target, typeOnly } of imports) {
    const needs = targets.get(path) ?? [];
    targets.set(path, needs);
    if (target !== null && !late && !(typeOnly && excused.has(target))) needs.push(target);
  }
  // What needs nothing that is left can be in no circle.
  for (let before = -1; before !== targets.size;) {
    before = targets.size;
    for (const [path, needs] of targets) {
      if (!needs.some((need) => targets.has(need))) targets.delete(path);
    }
  }
  let [at] = targets.keys();
  if (at === undefined) return null;
  const way: string[] = [];
  while (!way.includes(at)) {
    way.push(at);
    at = targets.get(at)!.find((need) => targets.has(need))!;
  }
  return [...way.slice(way.indexOf(at)), at];
}
