/* The tree's bounce buffers, started as at boot. */
#include "kernel/dma/swiotlb.c"

extern struct device *lab_the_device(void);

/* parameter: that of `swiotlb=`. */
void lab_bounce_start(char *parameter)
{
	setup_io_tlb_npages(parameter);
	swiotlb_init_remap(true, 0, NULL);
}

/* Fewer areas where they would be too small, and as many slots as they are. */
void lab_bounce_make(unsigned long slots, unsigned int areas)
{
	default_nslabs = slots;
	default_nareas = areas;
	swiotlb_init_remap(true, 0, NULL);
}

unsigned long lab_bounce_used(void)
{
	return mem_used(&io_tlb_default_mem);
}

/* How large a pool becomes that was to have so many slots, and on so many CPUs. */
void lab_bounce_size(unsigned long slots, unsigned int cpus)
{
	default_nslabs = slots;
	default_nareas = 0;
	swiotlb_adjust_nareas(cpus);
}

unsigned long lab_bounce_slots(void)
{
	return default_nslabs;
}

unsigned int lab_bounce_areas(void)
{
	return default_nareas;
}

unsigned int lab_bounce_areas_used(void)
{
	return limit_nareas(default_nareas, default_nslabs);
}

unsigned int lab_bounce_areas_of_pool(void)
{
	return io_tlb_default_mem.defpool.nareas;
}

unsigned long lab_bounce_area_used(unsigned int area)
{
	return io_tlb_default_mem.defpool.areas[area].used;
}

unsigned int lab_bounce_area_index(unsigned int area)
{
	return io_tlb_default_mem.defpool.areas[area].index;
}

bool lab_bounce_slot_used(unsigned long slot)
{
	return io_tlb_default_mem.defpool.slots[slot].list == 0;
}

void lab_bounce_unmap(phys_addr_t tlb, size_t bytes, enum dma_data_direction dir, unsigned long attrs)
{
	swiotlb_tbl_unmap_single(lab_the_device(), tlb, bytes, dir, attrs);
}

void lab_bounce_sync_for_cpu(phys_addr_t tlb, size_t bytes, enum dma_data_direction dir)
{
	swiotlb_sync_single_for_cpu(lab_the_device(), tlb, bytes, dir);
}

void lab_bounce_sync_for_device(phys_addr_t tlb, size_t bytes, enum dma_data_direction dir)
{
	swiotlb_sync_single_for_device(lab_the_device(), tlb, bytes, dir);
}
