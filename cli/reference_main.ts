/** `deno task reference`: writes what of `docs/` is made from the sources. */
import { builtinsPage } from "./reference/builtins_page.ts";
import { eventsPage } from "./reference/events_page.ts";
import { withMachineKeys } from "./reference/machine_keys.ts";

const BUILTINS = new URL("../docs/builtins.md", import.meta.url);
const EVENTS = new URL("../docs/events.md", import.meta.url);
const LANGUAGE = new URL("../docs/language.md", import.meta.url);

Deno.writeTextFileSync(BUILTINS, builtinsPage());
Deno.writeTextFileSync(EVENTS, eventsPage(Deno.readTextFileSync(EVENTS)));
Deno.writeTextFileSync(LANGUAGE, withMachineKeys(Deno.readTextFileSync(LANGUAGE)));
console.log("docs/builtins.md, docs/events.md and the keys in docs/language.md are written");
