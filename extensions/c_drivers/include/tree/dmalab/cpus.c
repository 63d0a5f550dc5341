/* As many CPUs as the tree's files are compiled for: all are online, and stay so. */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/version.h>

struct cpumask __cpu_possible_mask = { CPU_BITS_ALL };
EXPORT_SYMBOL(__cpu_possible_mask);
struct cpumask __cpu_online_mask = { CPU_BITS_ALL };
EXPORT_SYMBOL(__cpu_online_mask);
struct cpumask __cpu_present_mask = { CPU_BITS_ALL };
EXPORT_SYMBOL(__cpu_present_mask);
struct cpumask __cpu_active_mask = { CPU_BITS_ALL };
EXPORT_SYMBOL(__cpu_active_mask);
atomic_t __num_online_cpus = ATOMIC_INIT(NR_CPUS);
EXPORT_SYMBOL(__num_online_cpus);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
unsigned int __num_possible_cpus = NR_CPUS;
EXPORT_SYMBOL(__num_possible_cpus);
#endif
#ifndef nr_cpu_ids
unsigned int nr_cpu_ids = NR_CPUS;
EXPORT_SYMBOL(nr_cpu_ids);
#endif
