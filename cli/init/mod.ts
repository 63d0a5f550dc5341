/** Other workspace members use these exports of `cli/init`. */
export { FOLDER_FILES } from "./init_files.ts";
export { initFolder } from "./init_folder.ts";
