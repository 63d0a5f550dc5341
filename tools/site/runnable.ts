/** Additions to the site's code blocks in the language: the playground, and a quiz's questions. */
import { choicesOf, type CodeBlock, runningBlocks } from "@dmalab/cli/scenario";
import { loadText } from "@dmalab/lang";
import { PictureCollector, svgPictures } from "@dmalab/lang/render";
import { runProgram } from "@dmalab/lang/program";
import { escapeMarkup } from "@dmalab/lang/text";
import { type Asked, askedBy, pagePrograms } from "./quizzes.ts";
import { addressOfRule, linkRules } from "./rules.ts";
import { MAX_LINK_LENGTH, type Shared, writeLink } from "@dmalab/page";

/** Seeds of the questions on one page: a quiz block is shown once for each seed. */
const SEEDS = [1, 2, 3];

/** Constructs that the playground does not support: C drivers, and files beside the scenario. */
const NEEDS_FILES = /^\s*(?:driver \w+ = c|use) "|\bread_(?:csv|json|lines)\(/m;

/**
 * A page with a runnable part after each of its code blocks. The source of a quiz is folded, below its questions.
 * @param depth Number of folders above the page.
 */
export async function withRunnable(text: string, depth: number): Promise<string> {
  const lines = text.split("\n");
  for (const block of runningBlocks("", text).toReversed()) {
    const begin = block.line - 1;
    const end = block.line + block.code.split("\n").length;
    const questions = questionLines(block, depth);
    const source = lines.slice(begin, end + 1);
    const shown = questions.length === 0 ? source : [
      ...questions,
      // The source has the answers and the hints.
      '<details class="run"><summary>The quiz as a scenario, with its answers</summary>',
      "",
      ...source,
      "",
      "</details>",
    ];
    const more = [...pictureLines(block.code), ...await frameLines(block.code, depth)];
    lines.splice(begin, source.length, ...shown, ...more);
  }
  return lines.join("\n");
}

/** The drawings of the block's `show` statements, as one picture; empty where they draw nothing. */
function pictureLines(code: string): string[] {
  if (NEEDS_FILES.test(code)) return [];
  const { program } = loadText(code);
  if (program === null) return [];
  const collector = new PictureCollector();
  runProgram(program, { onShown: (line, shown) => collector.line(line, shown) });
  const { pictures } = collector;
  if (pictures.length === 0) return [];
  const alt = pictures.map(({ lines, title }) => [title, ...lines].join("\n")).join("\n\n");
  // The drawing is a separate image, so that its style does not apply to the page.
  const source = new TextEncoder().encode(svgPictures(pictures)).toBase64();
  return [
    "",
    `<img class="picture" src="data:image/svg+xml;base64,${source}" alt="${
      escapeMarkup(alt).replaceAll("\n", "&#10;")
    }">`,
    "",
  ];
}

/** A frame that is loaded when the reader opens it. Empty if the playground cannot run the text. */
export async function frameLines(
  code: string,
  depth: number,
  title = "Run it here",
  at: Shared["at"] = null,
): Promise<string[]> {
  const link = await playgroundLink(code, at);
  if (link === null) return [];
  const address = `${"../".repeat(depth)}${link}`;
  return [
    "",
    `<details class="run"><summary>${title}</summary>`,
    `<iframe title="Playground" loading="lazy" src="${address}&amp;frame=edit"></iframe>`,
    `<a href="${address}" target="_blank">Open in the playground</a>`,
    "</details>",
    "",
  ];
}

/**
 * A link to the playground with a scenario, relative to the site's root. Null if the playground
 * cannot run the scenario.
 */
export async function playgroundLink(code: string, at: Shared["at"]): Promise<string | null> {
  if (NEEDS_FILES.test(code)) return null;
  const entry = "lab.dma";
  const shared = {
    files: { [entry]: `${code}\n` },
    entry,
    run: 0,
    at,
    view: null,
    seed: null,
  };
  const link = await writeLink(shared);
  return link.length > MAX_LINK_LENGTH ? null : `playground.html${link}`;
}

function questionLines({ code, marks }: CodeBlock, depth: number): string[] {
  if (!marks.includes("quiz")) return [];
  const [loaded] = pagePrograms("quiz.dma", `\`\`\`dma quiz\n${code}\n\`\`\``);
  return SEEDS.flatMap((seed) => [
    "",
    `<p>With <code>--seed ${seed}</code>:</p>`,
    ...askedBy(loaded!.program!, seed).asked.flatMap((asked) => askedLines(asked, depth)),
  ]);
}

/** A question with its hints and its answer. The reader can open them one by one, without a script. */
function askedLines({ after, before, question }: Asked, depth: number): string[] {
  const link = htmlLink(depth);
  const pre = (output: readonly string[]) =>
    output.length === 0
      ? []
      : [`<pre v-pre>${linkRules(escapeHtml(output.join("\n")), link)}</pre>`];
  return [
    '<div class="quiz">',
    ...pre(before),
    `<p><strong>${escapeHtml(question.text)}</strong></p>`,
    ...choicesOf(question).map((choice) => {
      const known = question.wrong.find(({ answer }) => answer === choice);
      const said = known === undefined
        ? "Right."
        : `No: ${escapeHtml(known.hint)} (${link(known.rule, addressOfRule(known.rule)!)}).`;
      return `<details><summary>${escapeHtml(choice)}</summary>${said}</details>`;
    }),
    ...after.length === 0
      ? []
      : ["<details><summary>See what happened</summary>", ...pre(after), "</details>"],
    "</div>",
    "",
    // An empty line would end the HTML.
  ].map((line) => line.replaceAll(/\n(?=\n)/g, "\n&#8203;"));
}

function htmlLink(depth: number): (cited: string, address: string) => string {
  return (cited, address) =>
    `<a href="${"../".repeat(depth)}${address.replace(".md", ".html").slice(1)}">${cited}</a>`;
}

/** Escapes a text for a page that Vue compiles. */
export function escapeHtml(text: string): string {
  return escapeMarkup(text).replaceAll("{{", "&#123;{");
}
