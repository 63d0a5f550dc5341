/** Expressions that are watched, and the variables in sight. */
import {
  type PaneLine,
  type PaneView,
  type Room,
  type ScreenModel,
  shownPart,
} from "./screen_model.ts";

export function watchPane(
  model: ScreenModel,
  watches: readonly string[],
  chosen: number,
  room: Room,
): PaneView {
  const watched = watches.map((text) =>
    valueLine(text, model.value(text), model.value(text, model.before))
  );
  const before = new Map(
    model.variables(model.before).map(({ name, text }) => [name, text] as const),
  );
  const variables = model.variables().map(({ name, text }) =>
    valueLine(name, text, before.get(name) ?? null)
  );
  const title = watches.length === 0
    ? "watches: variables"
    : `watches: ${watches.length}, variables`;
  return shownPart(title, [...watched, ...variables], chosen, room);
}

/** @param was What it was before the last move; null where it was not. */
function valueLine(name: string, is: string, was: string | null): PaneLine {
  const text = `${name}: ${is.split("\n")[0]}`;
  const enter = `:rewind ${name}`;
  if (was === is) return { line: [`  ${text}`], enter };
  if (was === null) return { line: [["good", `+ ${text}`]], enter };
  return { line: [["warning", `~ ${text}, was ${was.split("\n")[0]}`]], enter };
}
