// SPDX-License-Identifier: MIT
/* Device memory that the tree's drivers/gpu/drm/drm_pagemap.c moves to RAM: the device writes pages mapped for it. */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

/* The file takes huge pages for built in; in the lab's configuration they are not. */
#undef HPAGE_PMD_SHIFT
#define HPAGE_PMD_SHIFT 21
#include "drivers/gpu/drm/drm_pagemap.c"

#define PAGES 3

static struct page *bench_sources[PAGES], *bench_targets[PAGES];
static struct drm_pagemap_devmem bench_memory;
static struct drm_pagemap bench_pagemap;
static struct mm_struct bench_process;
static void __iomem *bench_registers;

/* In place of the migration of a process's pages: which pages move, and where the data is then. */
int migrate_device_pfns(unsigned long *src, unsigned long count)
{
	unsigned long number;

	for (number = 0; number < count; number++)
		src[number] = migrate_pfn(src[number]) | MIGRATE_PFN_MIGRATE;
	return 0;
}

void migrate_device_pages(unsigned long *src, unsigned long *dst, unsigned long count)
{
}

void migrate_device_finalize(unsigned long *src, unsigned long *dst, unsigned long count)
{
	unsigned long number;

	for (number = 0; number < count; number++)
		bench_targets[number] = migrate_pfn_to_page(dst[number]);
	/* No page of the device is left. */
	complete_all(&bench_memory.detached);
}

static int bench_populate(struct drm_pagemap_devmem *devmem, unsigned long count, unsigned long *pfns)
{
	unsigned long number;

	for (number = 0; number < count; number++)
		pfns[number] = page_to_pfn(bench_sources[number]);
	return 0;
}

/* The device writes 0x20 + N to page N. */
static int bench_copy_to_ram(struct page **pages, struct drm_pagemap_addr *addrs, unsigned long count,
		       struct dma_fence *fence)
{
	unsigned long number;

	for (number = 0; number < count; number++) {
		if (!pages[number])
			continue;
		writel(0x20 + number, bench_registers);
		writel(addrs[number].addr, bench_registers + 4);
	}
	return 0;
}

static const struct drm_pagemap_devmem_ops bench_ops = {
	.populate_devmem_pfn = bench_populate,
	.copy_to_ram = bench_copy_to_ram,
};

/* Moves three pages to RAM. */
int move(struct device *dev, void __iomem *bar)
{
	unsigned int number, wrong = 0;
	int error = 0;

	bench_registers = bar;
	for (number = 0; number < PAGES; number++) {
		bench_sources[number] = alloc_page(GFP_KERNEL);
		bench_targets[number] = NULL;
		if (!bench_sources[number])
			error = -ENOMEM;
	}
	if (!error) {
		atomic_set(&bench_process.mm_users, 1);
		drm_pagemap_devmem_init(&bench_memory, dev, &bench_process, &bench_ops, &bench_pagemap, PAGES * PAGE_SIZE, NULL);
		error = drm_pagemap_evict_to_ram(&bench_memory);
	}
	for (number = 0; number < PAGES; number++) {
		if (bench_targets[number]) {
			wrong += *(u32 *)page_address(bench_targets[number]) != 0x20 + number;
			unlock_page(bench_targets[number]);
			put_page(bench_targets[number]);
		}
		if (bench_sources[number])
			__free_page(bench_sources[number]);
	}
	return error ? error : wrong ? -EIO : 0;
}
