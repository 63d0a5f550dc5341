/** What other members use of `tools/site`. */
export { askedBy, choicesOf, pagePrograms } from "./quizzes.ts";
