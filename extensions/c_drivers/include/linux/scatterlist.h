#ifndef DMALAB_LINUX_SCATTERLIST_H
#define DMALAB_LINUX_SCATTERLIST_H

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/version.h>

struct scatterlist {
	unsigned long page_link;
	unsigned int offset;
	unsigned int length;
	dma_addr_t dma_address;
	unsigned int dma_length;
	unsigned int dma_flags;
};

struct sg_table {
	struct scatterlist *sgl;
	unsigned int nents;
	unsigned int orig_nents;
};

/* Marks of `page_link`: the last entry, and one that only leads to where the list goes on. */
#define SG_CHAIN 1UL
#define SG_END 2UL
#define DMALAB_SG_BUS_ADDRESS 1u
#define sg_dma_address(sg) ((sg)->dma_address)
#define sg_dma_len(sg) ((sg)->dma_length)

DMALAB_INLINE bool sg_is_last(struct scatterlist *sg)
{
	return (sg->page_link & SG_END) != 0;
}

DMALAB_INLINE void sg_mark_end(struct scatterlist *sg)
{
	sg->page_link |= SG_END;
}

DMALAB_INLINE void sg_unmark_end(struct scatterlist *sg)
{
	sg->page_link &= ~SG_END;
}

DMALAB_INLINE bool sg_is_chain(struct scatterlist *sg)
{
	return (sg->page_link & SG_CHAIN) != 0;
}

/* The list goes on elsewhere: its n-th entry is taken for that. */
DMALAB_INLINE void sg_chain(struct scatterlist *list, unsigned int n, struct scatterlist *more)
{
	list[n - 1].offset = 0;
	list[n - 1].length = 0;
	list[n - 1].page_link = ((unsigned long)more | SG_CHAIN) & ~SG_END;
}

/* Of memory that a peer has on the bus: nothing is mapped for such an output. */
DMALAB_INLINE bool sg_dma_is_bus_address(struct scatterlist *sg)
{
	return (sg->dma_flags & DMALAB_SG_BUS_ADDRESS) != 0;
}

DMALAB_INLINE void sg_init_table(struct scatterlist *sg, unsigned int nents)
{
	memset(sg, 0, sizeof(*sg) * nents);
	sg_mark_end(&sg[nents - 1]);
}

DMALAB_INLINE struct page *sg_page(struct scatterlist *sg)
{
	return (struct page *)(sg->page_link & ~3UL);
}

DMALAB_INLINE void sg_assign_page(struct scatterlist *sg, struct page *page)
{
	sg->page_link = (unsigned long)page | (sg->page_link & 3UL);
}

DMALAB_INLINE void sg_set_page(struct scatterlist *sg, struct page *page, unsigned int len, unsigned int offset)
{
	sg_assign_page(sg, page);
	sg->offset = offset;
	sg->length = len;
}

#define sg_set_buf(sg, buf, len) \
	sg_set_page(sg, virt_to_page(buf), (unsigned int)(len), (unsigned int)offset_in_page(buf))

#define sg_init_one(sg, buf, len)        \
	do {                             \
		sg_init_table(sg, 1);    \
		sg_set_buf(sg, buf, len); \
	} while (0)

DMALAB_INLINE phys_addr_t sg_phys(struct scatterlist *sg)
{
	return page_to_phys(sg_page(sg)) + sg->offset;
}

#define sg_virt(sg) ((void *)((char *)page_address(sg_page(sg)) + (sg)->offset))

DMALAB_INLINE struct scatterlist *sg_next(struct scatterlist *sg)
{
	if (sg_is_last(sg))
		return NULL;
	sg++;
	return sg_is_chain(sg) ? (struct scatterlist *)(sg->page_link & ~3UL) : sg;
}

/* Entries up to the one that is marked as the last. */
DMALAB_INLINE int sg_nents(struct scatterlist *sg)
{
	int count;

	for (count = 0; sg; sg = sg_next(sg))
		count++;
	return count;
}

/* Entries that so many bytes take. */
DMALAB_INLINE int sg_nents_for_len(struct scatterlist *sg, u64 len)
{
	int count;
	u64 seen = 0;

	for (count = 0; sg && seen < len; sg = sg_next(sg)) {
		seen += sg->length;
		count++;
	}
	return seen < len ? -EINVAL : count;
}

DMALAB_INLINE struct scatterlist *sg_last(struct scatterlist *list, unsigned int nents)
{
	(void)nents;
	while (!sg_is_last(list))
		list = sg_next(list);
	return list;
}

#define for_each_sg(list, sg, count, index) \
	for ((index) = 0, (sg) = (list); (index) < (count); (index)++, (sg) = sg_next(sg))
#define for_each_sgtable_sg(sgt, sg, index) for_each_sg((sgt)->sgl, sg, (int)(sgt)->orig_nents, index)
#define for_each_sgtable_dma_sg(sgt, sg, index) for_each_sg((sgt)->sgl, sg, (int)(sgt)->nents, index)

#define sg_alloc_table(table, count, gfp) dmalab_sg_alloc(table, kcalloc(count, sizeof(struct scatterlist), gfp), count)

DMALAB_INLINE int dmalab_sg_alloc(struct sg_table *table, void *entries, unsigned int count)
{
	if (count == 0)
		return -EINVAL;
	if (!entries)
		return -ENOMEM;
	table->sgl = (struct scatterlist *)entries;
	table->nents = table->orig_nents = count;
	sg_init_table(table->sgl, count);
	return 0;
}

/* The first entries lie where the driver has room for them; where that is too small, all lie elsewhere. */
#define sg_alloc_table_chained(table, count, first, room)                                       \
	((first) && (unsigned int)(count) <= (unsigned int)(room)                               \
		 ? dmalab_sg_alloc(table, first, (unsigned int)(count))                         \
		 : dmalab_sg_alloc(table, kcalloc((size_t)(count), sizeof(struct scatterlist), GFP_ATOMIC), \
				   (unsigned int)(count)))
#define sg_free_table_chained(table, room)                        \
	do {                                                      \
		if ((table)->orig_nents > (unsigned int)(room))   \
			kfree((table)->sgl);                      \
		(table)->sgl = NULL;                              \
	} while (0)

#define sg_free_table(table)             \
	do {                             \
		kfree((table)->sgl);     \
		(table)->sgl = NULL;     \
	} while (0)

/* Pages side by side that one entry takes, from the first of them; no more bytes than `most`. */
DMALAB_INLINE unsigned int dmalab_page_run(struct page **pages, unsigned int count, unsigned int most)
{
	unsigned int run = 1;

	while (run < count && (run + 1) * PAGE_SIZE <= most && pages[run] == pages[run - 1] + 1)
		run++;
	return run;
}

DMALAB_INLINE unsigned int dmalab_page_runs(struct page **pages, unsigned int count, unsigned int most)
{
	unsigned int at, runs = 0;

	for (at = 0; at < count; at += dmalab_page_run(pages + at, count - at, most))
		runs++;
	return runs;
}

DMALAB_INLINE int dmalab_sg_from_pages(struct sg_table *table, int error, struct page **pages, unsigned int offset,
				       unsigned long size, unsigned int most)
{
	struct scatterlist *sg;
	unsigned long left = size;

	if (error)
		return error;
	for (sg = table->sgl; sg; sg = sg_next(sg)) {
		unsigned int count = (unsigned int)PFN_UP(offset + left);
		unsigned long room;

		count = dmalab_page_run(pages, count, most);
		room = count * PAGE_SIZE - offset;
		sg_set_page(sg, *pages, (unsigned int)(left < room ? left : room), offset);
		left -= sg->length;
		pages += count;
		offset = 0;
	}
	return 0;
}

/* Entries over pages, of which those that lie side by side share one. */
#define sg_alloc_table_from_pages_segment(table, list, count, first, size, most, gfp)                \
	__extension__({                                                                              \
		struct page **from_list_ = (list);                                                   \
		unsigned int from_most_ = (most) & (unsigned int)PAGE_MASK;                          \
		struct sg_table *from_table_ = (table);                                              \
		unsigned int from_runs_ = dmalab_page_runs(from_list_, count, from_most_);           \
		from_most_ == 0 ? -EINVAL                                                            \
				: dmalab_sg_from_pages(from_table_,                                  \
						       sg_alloc_table(from_table_, from_runs_, gfp), \
						       from_list_, first, size, from_most_);         \
	})
#define sg_alloc_table_from_pages(table, list, count, first, size, gfp) \
	sg_alloc_table_from_pages_segment(table, list, count, first, size, ~0U, gfp)

#include <dmalab/sg_walk.h>

#endif
