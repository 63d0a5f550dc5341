// SPDX-License-Identifier: MIT
/* Pages of a process, mapped for a GPU and unmapped by the tree's drivers/gpu/drm/drm_gpusvm.c. */
#include "drivers/gpu/drm/drm_gpusvm.c"

/* Of bench.c. */
#define MOST_PAGES 8
extern struct page *bench_pages[MOST_PAGES];
extern dma_addr_t bench_addrs[MOST_PAGES];
extern unsigned int bench_count;
int take_bench_pages(unsigned int count);
void free_bench_pages(void);

#define START 0x100000UL

static struct drm_device drm;
static struct drm_gpusvm svm;
static struct drm_gpusvm_pages pages;
static struct mmu_interval_notifier notifier;
static struct mm_struct process;
static const struct drm_gpusvm_ctx ctx;

/* In place of the process's page tables: its pages are those of the bench. */
int hmm_range_fault(struct hmm_range *range)
{
	unsigned int number;

	for (number = 0; number < bench_count; number++)
		range->hmm_pfns[number] = page_to_pfn(bench_pages[number]) | HMM_PFN_VALID | HMM_PFN_WRITE;
	return 0;
}

int hmm_range_fault_unlocked_timeout(struct hmm_range *range, unsigned long timeout)
{
	return hmm_range_fault(range);
}

unsigned long mmu_interval_read_begin(struct mmu_interval_notifier *interval_sub)
{
	return interval_sub->invalidate_seq;
}

int map_it(struct device *dev, unsigned int count)
{
	unsigned int number;
	int error = take_bench_pages(count);

	if (error)
		return error;
	drm.dev = dev;
	atomic_set(&process.mm_users, 1);
	atomic_set(&process.mm_count, 1);
	init_rwsem(&process.mmap_lock);
	init_rwsem(&svm.notifier_lock);
	svm.mm = &process;
	drm_gpusvm_init_pages(&pages, &drm);
	error = drm_gpusvm_get_pages(&svm, &pages, &process, &notifier, START, START + count * PAGE_SIZE, &ctx);
	if (error) {
		drm_gpusvm_free_pages(&svm, &pages, count);
		free_bench_pages();
		return error;
	}
	for (number = 0; number < count; number++)
		bench_addrs[number] = pages.dma_addr[number].addr;
	return 0;
}

bool is_one_range(void) { return dma_use_iova(&pages.state); }

void unmap_it(void)
{
	drm_gpusvm_unmap_pages(&svm, &pages, bench_count, &ctx);
	drm_gpusvm_free_pages(&svm, &pages, bench_count);
	free_bench_pages();
}
