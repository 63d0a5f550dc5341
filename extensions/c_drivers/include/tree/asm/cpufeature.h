/* x86's questions for features of a processor: the machine's has none. */
#ifndef DMALAB_TREE_CPUFEATURE_H
#define DMALAB_TREE_CPUFEATURE_H

#define boot_cpu_has(feature) 0
#define static_cpu_has(feature) 0
#define cpu_feature_enabled(feature) 0

#endif
