#ifndef DMALAB_TREE_MSI_H
#define DMALAB_TREE_MSI_H

typedef struct {
	unsigned long hwirq;
} msi_alloc_info_t;

#endif
