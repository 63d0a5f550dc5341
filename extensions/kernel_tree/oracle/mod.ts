/** Other workspace members use these exports of `extensions/kernel_tree/oracle`. */
export { IovaModel, type IovaOperation } from "./iova_operations.ts";
export { MappingModel } from "./mapping_operations.ts";
export { PoolModel, type PoolOperation } from "./pool_operations.ts";
export { TableModel, type TableOperation } from "./table_operations.ts";
