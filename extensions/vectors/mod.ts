/** What other members use of `extensions/vectors`. */
export { makeNegativeFile } from "./negative.ts";
export { makeVectorFile } from "./vector_file.ts";
