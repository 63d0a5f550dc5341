/** Provides all extensions to the program that imports this module, before its other modules ask for them. */
import { provideExtensions } from "@dmalab/cli/program";

provideExtensions(async () => Object.values(await import("./extensions.ts")));
