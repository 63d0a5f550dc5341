#!/usr/bin/env node
/** The command `dmalab`: by `npx dmalab`, `deno install -g` or `deno run`. */
import "./older_node.ts";
import { runMain } from "../../../cli/main.ts";

await runMain();
