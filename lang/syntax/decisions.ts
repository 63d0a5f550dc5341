/**
 * The decisions of the grammar, worked out before the program starts. In a checkout nobody has done
 * that, and each start does; in the package a file with the table stands in this one's place.
 */
import type { DecisionTable } from "./decision_table.ts";

export const DECISIONS: DecisionTable | null = null;
