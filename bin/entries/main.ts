/** The command line, on Deno: the launcher or `deno install -g` starts it. */
import "../main.ts";
