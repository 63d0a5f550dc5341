/** Small tools that tests share: temporary folders, members of the workspace, processor time, running a task. */
export * from "./bench/cpu_time.ts";
export * from "./ending.ts";
export * from "./members.ts";
export * from "./scripts.ts";
export * from "./task.ts";
export * from "./temp_folder.ts";
