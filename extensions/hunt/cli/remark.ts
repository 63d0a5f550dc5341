/**
 * A line of a hunt beside the scenarios that it prints. The line is a comment, so that the output with a
 * finding is a scenario, too.
 */
export function remark(line: string): string {
  return `# ${line}\n`;
}
