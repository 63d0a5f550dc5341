/* The tree's bounce buffers, started as at boot. */
#include "kernel/dma/swiotlb.c"

/* parameter: that of `swiotlb=`. */
void lab_bounce_start(char *parameter)
{
	setup_io_tlb_npages(parameter);
	swiotlb_init_remap(true, 0, NULL);
}

unsigned long lab_bounce_used(void)
{
	return mem_used(&io_tlb_default_mem);
}
