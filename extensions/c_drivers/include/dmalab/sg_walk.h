/* Walks over the memory of a scatterlist: by pages, and by what the CPU sees of it. */
#ifndef DMALAB_SG_WALK_H
#define DMALAB_SG_WALK_H

/* A page of an entry at a time: of its memory, or of where a device sees it. */
struct sg_page_iter {
	struct scatterlist *sg;
	unsigned int sg_pgoffset;
	unsigned int dmalab_left;
	bool dmalab_begun;
};

struct sg_dma_page_iter {
	struct sg_page_iter base;
};

DMALAB_INLINE void dmalab_page_iter_start(struct sg_page_iter *it, struct scatterlist *sg, unsigned int nents,
					  unsigned long pgoffset)
{
	it->sg = sg;
	it->sg_pgoffset = (unsigned int)pgoffset;
	it->dmalab_left = nents;
	it->dmalab_begun = false;
}

DMALAB_INLINE unsigned int dmalab_pages_over(unsigned long offset, unsigned long bytes)
{
	return (unsigned int)PFN_UP((offset & ~PAGE_MASK) + bytes);
}

/* Moves on within entries of so many pages; `by_dma` says which length counts. */
DMALAB_INLINE bool dmalab_page_iter_next(struct sg_page_iter *it, bool by_dma)
{
	it->sg_pgoffset += it->dmalab_begun;
	it->dmalab_begun = true;
	for (; it->dmalab_left > 0 && it->sg; it->dmalab_left--) {
		unsigned int pages = by_dma
			? dmalab_pages_over(sg_dma_address(it->sg), sg_dma_len(it->sg))
			: dmalab_pages_over(it->sg->offset, it->sg->length);

		if (it->sg_pgoffset < pages)
			return true;
		it->sg_pgoffset -= pages;
		it->sg = sg_next(it->sg);
	}
	return false;
}

DMALAB_INLINE struct page *sg_page_iter_page(struct sg_page_iter *it)
{
	return sg_page(it->sg) + it->sg->offset / PAGE_SIZE + it->sg_pgoffset;
}

DMALAB_INLINE dma_addr_t sg_page_iter_dma_address(struct sg_dma_page_iter *it)
{
	return sg_dma_address(it->base.sg) + it->base.sg_pgoffset * PAGE_SIZE;
}

#define for_each_sg_page(list, it, count, pgoffset)                        \
	for (dmalab_page_iter_start((it), (list), (count), (pgoffset));    \
	     dmalab_page_iter_next((it), false);)
#define for_each_sg_dma_page(list, it, count, pgoffset)                          \
	for (dmalab_page_iter_start(&(it)->base, (list), (count), (pgoffset));   \
	     dmalab_page_iter_next(&(it)->base, true);)
#define for_each_sgtable_page(sgt, it, pgoffset) \
	for_each_sg_page((sgt)->sgl, it, (sgt)->orig_nents, pgoffset)
#define for_each_sgtable_dma_page(sgt, it, pgoffset) \
	for_each_sg_dma_page((sgt)->sgl, it, (sgt)->nents, pgoffset)

#define SG_MITER_ATOMIC 1
#define SG_MITER_TO_SG 2
#define SG_MITER_FROM_SG 4
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define SG_MITER_LOCAL 8
#endif

/* What the CPU sees of a list, piece by piece, none of which goes over the end of a page. */
struct sg_mapping_iter {
	struct page *page;
	void *addr;
	size_t length;
	size_t consumed;
	struct scatterlist *dmalab_sg;
	unsigned int dmalab_left;
	size_t dmalab_done;
};

DMALAB_INLINE void sg_miter_start(struct sg_mapping_iter *miter, struct scatterlist *sg, unsigned int nents,
				  unsigned int flags)
{
	(void)flags;
	memset(miter, 0, sizeof(*miter));
	miter->dmalab_sg = sg;
	miter->dmalab_left = nents;
}

/* As much was used up of the piece as `consumed` says. */
DMALAB_INLINE void sg_miter_stop(struct sg_mapping_iter *miter)
{
	miter->dmalab_done += miter->consumed;
	miter->page = NULL;
	miter->addr = NULL;
	miter->length = 0;
	miter->consumed = 0;
}

/* Goes to the entry that has the next byte. */
DMALAB_INLINE bool dmalab_miter_seek(struct sg_mapping_iter *miter)
{
	while (miter->dmalab_left > 0 && miter->dmalab_sg) {
		if (miter->dmalab_done < miter->dmalab_sg->length)
			return true;
		miter->dmalab_done -= miter->dmalab_sg->length;
		miter->dmalab_sg = sg_next(miter->dmalab_sg);
		miter->dmalab_left--;
	}
	return false;
}

DMALAB_INLINE bool sg_miter_skip(struct sg_mapping_iter *miter, off_t offset)
{
	sg_miter_stop(miter);
	miter->dmalab_done += (size_t)offset;
	return dmalab_miter_seek(miter);
}

DMALAB_INLINE bool sg_miter_next(struct sg_mapping_iter *miter)
{
	unsigned long at, room;

	sg_miter_stop(miter);
	if (!dmalab_miter_seek(miter))
		return false;
	at = miter->dmalab_sg->offset + miter->dmalab_done;
	room = PAGE_SIZE - at % PAGE_SIZE;
	miter->page = sg_page(miter->dmalab_sg) + at / PAGE_SIZE;
	miter->addr = (char *)page_address(miter->page) + at % PAGE_SIZE;
	miter->length = miter->dmalab_sg->length - miter->dmalab_done;
	if (miter->length > room)
		miter->length = room;
	miter->consumed = miter->length;
	return true;
}

/* Copies between a list and a buffer, or fills the list with zeroes; says how many bytes. */
DMALAB_INLINE size_t dmalab_sg_copy(struct scatterlist *sg, unsigned int nents, char *buf, size_t bytes, off_t skip,
				    bool to_buffer)
{
	struct sg_mapping_iter miter;
	size_t done = 0;

	sg_miter_start(&miter, sg, nents, SG_MITER_ATOMIC | (to_buffer ? SG_MITER_FROM_SG : SG_MITER_TO_SG));
	if (!sg_miter_skip(&miter, skip))
		return 0;
	while (done < bytes && sg_miter_next(&miter)) {
		size_t part = miter.length < bytes - done ? miter.length : bytes - done;

		if (!buf)
			memset(miter.addr, 0, part);
		else if (to_buffer)
			memcpy(buf + done, miter.addr, part);
		else
			memcpy(miter.addr, buf + done, part);
		done += part;
	}
	sg_miter_stop(&miter);
	return done;
}

#define sg_pcopy_from_buffer(sg, nents, buf, bytes, skip) \
	dmalab_sg_copy(sg, nents, (char *)(buf), bytes, skip, false)
#define sg_pcopy_to_buffer(sg, nents, buf, bytes, skip) \
	dmalab_sg_copy(sg, nents, (char *)(buf), bytes, skip, true)
#define sg_copy_from_buffer(sg, nents, buf, bytes) sg_pcopy_from_buffer(sg, nents, buf, bytes, 0)
#define sg_copy_to_buffer(sg, nents, buf, bytes) sg_pcopy_to_buffer(sg, nents, buf, bytes, 0)
#define sg_zero_buffer(sg, nents, bytes, skip) dmalab_sg_copy(sg, nents, NULL, bytes, skip, false)

#endif
