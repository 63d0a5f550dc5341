/** Exports for developers' tasks: grammars, reference, site, pages, the extension of VS Code. */
export * from "./grammar/mod.ts";
export * from "./reference/mod.ts";
export * from "./site/quizzes.ts";
export * from "./vscode/build_extension.ts";
export * from "./web/mod.ts";
