#ifndef DMALAB_TREE_MMU_H
#define DMALAB_TREE_MMU_H

typedef struct {
	int unused;
} mm_context_t;

#endif
