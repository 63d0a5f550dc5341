/** Drawings for the page, files and mails: shapes with their meanings, converted to SVG. */
import { escapeMarkup } from "@dmalab/lang/text";
import { colourProperties } from "./meaning.ts";

/** A shape of a drawing, in pixels. */
export interface Shape {
  /** The element of SVG. */
  readonly tag: "rect" | "line" | "path" | "text";
  /** How the shape looks: classes of `DRAWING_STYLE`. */
  readonly look: string;
  /** The shape's coordinates, by the names of SVG attributes. */
  readonly at: Readonly<Record<string, number | string>>;
  readonly text?: string;
  /** The tooltip of a shape. */
  readonly tip?: string;
  /** The event that is selected by clicking the shape. */
  readonly seq?: number;
  /**
   * The number of the object that the shape is a part of. Shapes with equal numbers belong to the
   * same object.
   */
  readonly part?: number;
}

/** Shapes in drawing order: later ones cover earlier ones. */
export interface Drawing {
  /** A description of the drawing. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly shapes: readonly Shape[];
}

export const LETTER_PX = 7.25;

export const DRAWING_STYLE = `
.drawing text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;fill:var(--text);dominant-baseline:central;white-space:pre}
.drawing text.head{fill:var(--dim);font-weight:600}
.drawing text.dim{fill:var(--dim)}
.drawing text.bad{fill:var(--fault);font-weight:600}
.drawing text.on-moved{fill:var(--on-moved)}
.drawing .rule{stroke:var(--line);stroke-width:1;fill:none}
.drawing .gap{stroke:var(--dim);stroke-width:1;stroke-dasharray:1 3}
${
  ["map", "unmap", "translate", "data", "fault", "decision", "call"].map((name) =>
    `.drawing .${name}{fill:var(--${name}-fill);stroke:var(--${name})}.drawing .solid.${name}{fill:var(--${name});stroke:none}`
  ).join("\n")
}
.drawing .none{fill:none;stroke:var(--line);stroke-dasharray:2 3}
.drawing .reserved{fill:none;stroke:var(--map);stroke-dasharray:3 2}
.drawing .plain{fill:var(--raise);stroke:var(--call)}
.drawing .mapped{fill:var(--map-fill);stroke:var(--map)}
.drawing .moved{fill:var(--moved);stroke:var(--moved)}
.drawing .unmapped{fill:var(--unmap-fill);stroke:var(--unmap);stroke-dasharray:4 2}
.drawing .leaked{fill:var(--fault-fill);stroke:var(--fault);stroke-width:2}
.drawing .read{fill:var(--translate-fill);stroke:var(--translate)}
.drawing .free{fill:none;stroke:var(--line);stroke-dasharray:3 2}
.drawing .now{fill:none;stroke:var(--text);stroke-width:2}
.drawing line.link{stroke:var(--line)}
.drawing line.link.mapped{stroke:var(--map)}
.drawing line.link.moved{stroke:var(--moved);stroke-width:1.5}
.drawing line.link.unmapped{stroke:var(--unmap);stroke-dasharray:2 3}
.drawing line.link.leaked{stroke:var(--fault);stroke-width:2}
.drawing .stop{stroke:var(--fault);stroke-width:2;fill:none}
.drawing .stop-sign{fill:var(--fault)}`;

export function textAt(
  x: number,
  y: number,
  look: string,
  text: string,
  more: Pick<Shape, "part" | "tip"> = {},
): Shape {
  return { tag: "text", look, at: { x, y }, text, ...more };
}

/** A box with a text in it, shortened to fit. */
export function labelled(
  shape: Omit<Shape, "tag" | "at">,
  at: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  label: string,
): readonly Shape[] {
  const box: Shape = { tag: "rect", ...shape, at: { ...at, rx: at.width > 8 ? 2 : 0 } };
  const text = fitted(label, at.width - 6);
  if (text === "") return [box];
  return [box, textAt(at.x + 4, at.y + at.height / 2 + 0.5, "", text)];
}

/** A text, cut to the available width; empty where too little of it would be left. */
export function fitted(text: string, widthPx: number): string {
  const room = Math.floor(widthPx / LETTER_PX);
  if (text.length <= room) return text;
  return room < 4 || room < text.length * 0.4 ? "" : `${text.slice(0, room - 1)}…`;
}

/** A drawing as the text of an SVG file, light or dark like the reader's system. */
export function svgText(drawing: Drawing): string {
  const { height, name, shapes, width } = drawing;
  const margin = 12;
  const [outerWidth, outerHeight] = [width + 2 * margin, height + 2 * margin];
  const style = `svg{${colourProperties("light")}}` +
    `@media(prefers-color-scheme:dark){svg{${colourProperties("dark")}}}` +
    `.ground{fill:var(--bg)}${DRAWING_STYLE}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="drawing" role="img" width="${outerWidth}" height="${outerHeight}" viewBox="${-margin} ${-margin} ${outerWidth} ${outerHeight}">`,
    `<title>${escapeMarkup(name)}</title>`,
    `<style>${style}</style>`,
    `<rect class="ground" x="${-margin}" y="${-margin}" width="${outerWidth}" height="${outerHeight}"/>`,
    ...shapes.map(markupOf),
    "</svg>",
    "",
  ].join("\n");
}

function markupOf({ at, look, tag, text, tip }: Shape): string {
  const attributes = Object.entries({ class: look, ...at })
    .map(([name, value]) => ` ${name}="${escapeMarkup(`${value}`)}"`).join("");
  const title = tip === undefined ? "" : `<title>${escapeMarkup(tip)}</title>`;
  return `<${tag}${attributes}>${title}${escapeMarkup(text ?? "")}</${tag}>`;
}
