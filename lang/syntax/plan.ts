/**
 * The plan of the grammar, worked out before the program starts. In a checkout nobody has done that,
 * and Chevrotain's parser reads all files; in the package a file with the plan stands in this one's
 * place.
 */
import type { GrammarPlan } from "./plan_reader.ts";

export const PLAN: (() => GrammarPlan) | null = null;
