/** The command line, on Deno: what the launcher starts, or `deno install -g`. */
import "@dmalab/bin/main";
