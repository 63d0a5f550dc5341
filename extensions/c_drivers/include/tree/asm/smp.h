#ifndef DMALAB_TREE_SMP_H
#define DMALAB_TREE_SMP_H

int lab_cpu(void);
#define raw_smp_processor_id() lab_cpu()
/* Drivers of x86 call it for caches that the lab does not have. */
int wbinvd_on_all_cpus(void);

#endif
