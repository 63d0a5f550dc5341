#ifndef DMALAB_LINUX_SCATTERLIST_H
#define DMALAB_LINUX_SCATTERLIST_H

#include <linux/mm.h>
#include <linux/slab.h>

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

#define SG_END 2UL
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

DMALAB_INLINE void sg_init_table(struct scatterlist *sg, unsigned int nents)
{
	memset(sg, 0, sizeof(*sg) * nents);
	sg_mark_end(&sg[nents - 1]);
}

DMALAB_INLINE struct page *sg_page(struct scatterlist *sg)
{
	return (struct page *)(sg->page_link & ~3UL);
}

DMALAB_INLINE void sg_set_page(struct scatterlist *sg, struct page *page, unsigned int len, unsigned int offset)
{
	sg->page_link = (unsigned long)page | (sg->page_link & 3UL);
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
	return sg_is_last(sg) ? (struct scatterlist *)NULL : sg + 1;
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

#endif
