/** Names of the init and exit functions of other modules, by their index in the table that `load()` reads. */

export function initOf(number: number): string {
  return `lab_init_${number}`;
}

export function exitOf(number: number): string {
  return `lab_exit_${number}`;
}
