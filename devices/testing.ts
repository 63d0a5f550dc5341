/** Machines with one device, for tests of other members. */
export * from "./nvme/controller/_rig.ts";
export * from "./rdma/_rig.ts";
export * from "./vfio/_bench.ts";
