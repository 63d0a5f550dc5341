/** Where the pages of `docs/behaviour/` lie: beside the program, wherever it is installed. */
export function readRulePage(name: string): string {
  return Deno.readTextFileSync(new URL(`../../docs/behaviour/${name}.md`, import.meta.url));
}
