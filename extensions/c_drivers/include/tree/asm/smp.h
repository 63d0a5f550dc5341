#ifndef DMALAB_TREE_SMP_H
#define DMALAB_TREE_SMP_H

int lab_cpu(void);
#define raw_smp_processor_id() lab_cpu()

#endif
