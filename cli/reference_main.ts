/** `deno task reference`: writes the pages of `docs/` that are made from the sources. */
import { builtinsPage } from "./reference/builtins_page.ts";

const PAGE = new URL("../docs/builtins.md", import.meta.url);

Deno.writeTextFileSync(PAGE, builtinsPage());
console.log("docs/builtins.md is written");
