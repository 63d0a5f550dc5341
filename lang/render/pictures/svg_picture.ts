/**
 * Pictures as SVG, with lines instead of the terminal's characters.
 *
 * The text for the terminal is the source: each word stays text at its place, and each drawing
 * character becomes a line, an arrow or a filled cell. Therefore a picture in a file looks the same
 * as in a terminal.
 */
import { maxOf } from "@dmalab/runtime/basics";
import { spanPlace, spanText } from "../../source.ts";
import { escapeMarkup } from "../../text/markup.ts";
import { formatCount } from "../../text/numbers.ts";
import type { ShowStatement } from "../../values/execution_context.ts";

/** A picture, as it is drawn in the terminal. */
export interface TextPicture {
  /** The picture's origin: the statement that showed the picture, and the statement's location. */
  readonly title: string;
  /** The picture's lines, without colours. */
  readonly lines: readonly string[];
}

/** The size of a terminal cell in pixels, and the position of the letters in it. */
const CELL = { width: 8, height: 18, middle: 9, baseline: 13, fontSize: 13 };
const MARGIN = 16;
/** Lines between two pictures, with room for the title of the second. */
const TITLE_LINES = 2;

/** The arms of a line character from its centre: left, right, up, down. */
const ARMS: Readonly<Record<string, string>> = {
  "─": "lr",
  "│": "ud",
  "┌": "rd",
  "┐": "ld",
  "└": "ru",
  "┘": "lu",
  "├": "rud",
  "┤": "lud",
  "┬": "lrd",
  "┴": "lru",
  "┼": "lrud",
  "╴": "l",
  "╵": "u",
  "╶": "r",
  "╷": "d",
  "┆": "ud",
  "►": "l",
  "◄": "r",
};

/** Arrowheads, as the corners of a triangle in a cell. */
const ARROWS: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  "►": [[1, 5], [8, 9], [1, 13]],
  "◄": [[7, 5], [0, 9], [7, 13]],
  "◂": [[7, 6], [1, 9], [7, 12]],
  "▲": [[4, 3], [8, 12], [0, 12]],
  "▾": [[1, 6], [7, 6], [4, 12]],
};

/** For each kind of use, how much of a cell is filled. A free cell has only an outline. */
const FILLS: Readonly<Record<string, number>> = { "█": 1, "▓": 0.65, "▒": 0.35, "░": 0.08, "╳": 0 };

/** Edges of a strip: their position in the cell, and their direction as an SVG path. */
const EDGES: Readonly<Record<string, readonly [dx: number, way: string]>> = {
  "▕": [CELL.width, `v${CELL.height}`],
  "▏": [0, `v${CELL.height}`],
  "▔": [0, `h${CELL.width}`],
};

const STYLE = `
.dmalab-picture{--paper:#fff;--ink:#1f2328;--dim:#59636e;--line:#59636e;--address:#0550ae;--cell:#0969da}
@media(prefers-color-scheme:dark){.dmalab-picture{--paper:#0d1117;--ink:#e6edf3;--dim:#9198a1;--line:#9198a1;--address:#79c0ff;--cell:#58a6ff}}
@media print{.dmalab-picture{--paper:#fff;--ink:#000;--dim:#333;--line:#333;--address:#000;--cell:#555}}
.dmalab-picture .paper{fill:var(--paper)}
.dmalab-picture text{font:${CELL.fontSize}px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:var(--ink);white-space:pre}
.dmalab-picture .title{fill:var(--dim);font-weight:bold}
.dmalab-picture .address{fill:var(--address)}
.dmalab-picture .lines{fill:none;stroke:var(--line);stroke-width:1.25}
.dmalab-picture .heads{fill:var(--line)}
.dmalab-picture .cells{fill:var(--cell);stroke:var(--cell);stroke-width:.5}`;

/** Collects the pictures of each `show` from the lines of a run. */
export class PictureCollector {
  /** One picture for each execution of a `show`. */
  readonly pictures: { readonly title: string; readonly lines: string[] }[] = [];
  #last: ShowStatement | undefined;

  /** Adds a line, and the `show` that printed it. */
  line(text: string, shown: ShowStatement): void {
    if (shown !== this.#last) {
      const [statement] = spanText(shown.span).split("\n");
      const title = `${statement}   ${spanPlace(shown.span)}`;
      this.pictures.push({ title, lines: [] });
      this.#last = shown;
    }
    this.pictures.at(-1)!.lines.push(text);
  }
}

/** Pictures one below the other, as the text of an SVG file. */
export function svgPictures(pictures: readonly TextPicture[]): string {
  let top = 0;
  const parts: string[] = [];
  let columns = 0;
  for (const { lines, title } of pictures) {
    const body = [title, "", ...lines];
    columns = maxOf(body.map((line) => [...line].length), columns);
    parts.push(pictureMarkup(title, lines, MARGIN + top * CELL.height));
    top += body.length + TITLE_LINES;
  }
  const width = 2 * MARGIN + columns * CELL.width;
  const height = 2 * MARGIN + (top - TITLE_LINES) * CELL.height;
  const name = pictures.length === 1 ? pictures[0]!.title : formatCount(pictures.length, "picture");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="dmalab-picture" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${escaped(name)}</title>`,
    `<desc>${escaped(pictures.map(described).join("\n\n"))}</desc>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** A picture as plain text, for readers that cannot see it. */
function described({ lines, title }: TextPicture): string {
  const texts = lines.map((line) => wordsOf(line).map(({ text }) => text).join(" "));
  return [title, ...texts.filter((text) => text !== "")].join("\n");
}

function pictureMarkup(title: string, lines: readonly string[], top: number): string {
  const heading = `<text class="title" x="${MARGIN}" y="${top + CELL.baseline}">${
    escaped(title)
  }</text>`;
  const drawing = new Drawing();
  const texts: string[] = [];
  lines.forEach((line, row) => {
    const y = top + (row + TITLE_LINES) * CELL.height;
    drawing.add([...line], y);
    for (const { column, text } of wordsOf(line)) texts.push(textMarkup(text, column, y));
  });
  return [`<g>`, heading, ...drawing.markup(), ...texts, `</g>`].join("\n");
}

/**
 * The texts of a line, each with its column. A text ends at a drawing character or at two spaces.
 */
function wordsOf(line: string): { readonly column: number; readonly text: string }[] {
  const plain = [...line].map((each) => isDrawn(each) ? "\0" : each).join("");
  let column = 0;
  return plain.split(/(\0+| {2,})/).flatMap((part) => {
    const start = column + (part.length - part.trimStart().length);
    column += [...part].length;
    const text = part.replaceAll("\0", "").trim();
    return text === "" ? [] : [{ column: start, text }];
  });
}

function isDrawn(character: string): boolean {
  return [ARMS, ARROWS, FILLS, EDGES].some((drawn) => Object.hasOwn(drawn, character));
}

/**
 * A text with the same width as in a terminal, whatever the font. Addresses have a different
 * colour.
 */
function textMarkup(text: string, column: number, y: number): string {
  const width = [...text].length * CELL.width;
  const marked = escaped(text).replace(/0x[\da-f_]+/g, '<tspan class="address">$&</tspan>');
  return `<text x="${MARGIN + column * CELL.width}" y="${
    y + CELL.baseline
  }" textLength="${width}" lengthAdjust="spacingAndGlyphs">${marked}</text>`;
}

/** Lines, arrows and cells of a picture, collected line by line. */
class Drawing {
  readonly #lines: string[] = [];
  readonly #heads: string[] = [];
  readonly #cells: string[] = [];

  add(characters: readonly string[], y: number): void {
    for (let column = 0; column < characters.length; column++) {
      const character = characters[column]!;
      const x = MARGIN + column * CELL.width;
      if (Object.hasOwn(FILLS, character)) {
        let end = column + 1;
        while (characters[end] === character) end++;
        this.#fill(character, x, y, end - column);
        column = end - 1;
      } else if (character === "─") {
        let end = column + 1;
        while (characters[end] === "─") end++;
        this.#lines.push(`M${x} ${y + CELL.middle}h${(end - column) * CELL.width}`);
        column = end - 1;
      } else this.#draw(character, x, y);
    }
  }

  markup(): string[] {
    return [
      ...this.#cells,
      ...this.#lines.length === 0 ? [] : [`<path class="lines" d="${this.#lines.join("")}"/>`],
      ...this.#heads.length === 0 ? [] : [`<path class="heads" d="${this.#heads.join("")}"/>`],
    ];
  }

  #draw(character: string, x: number, y: number): void {
    const middle = x + CELL.width / 2;
    for (const arm of ARMS[character] ?? "") {
      const way = { l: `H${x}`, r: `H${x + CELL.width}`, u: `V${y}`, d: `V${y + CELL.height}` };
      this.#lines.push(`M${middle} ${y + CELL.middle}${way[arm as keyof typeof way]}`);
    }
    const corners = ARROWS[character];
    if (corners !== undefined) {
      this.#heads.push(`M${corners.map(([dx, dy]) => `${x + dx} ${y + dy}`).join("L")}Z`);
    }
    const edge = EDGES[character];
    if (edge !== undefined) this.#lines.push(`M${x + edge[0]} ${y}${edge[1]}`);
  }

  #fill(character: string, x: number, y: number, cells: number): void {
    const [top, height] = [y + 2, CELL.height - 4];
    const place = `x="${x}" y="${top}" width="${cells * CELL.width}" height="${height}"`;
    this.#cells.push(`<rect class="cells" ${place} fill-opacity="${FILLS[character]}"/>`);
    if (character !== "╳") return;
    for (let cell = 0; cell < cells; cell++) {
      const left = x + cell * CELL.width;
      const [right, bottom] = [left + CELL.width, top + height];
      this.#lines.push(`M${left} ${top}L${right} ${bottom}M${right} ${top}L${left} ${bottom}`);
    }
  }
}

/** Escapes text for XML; characters that XML cannot contain are replaced. */
function escaped(text: string): string {
  return escapeMarkup(text)
    // deno-lint-ignore no-control-regex
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]|\p{Cs}/gu, "\ufffd");
}
