#ifndef DMALAB_LINUX_BVEC_H
#define DMALAB_LINUX_BVEC_H

#include <linux/mm.h>

/* A run of memory, which may be many pages long. */
struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
};

DMALAB_INLINE void bvec_set_page(struct bio_vec *bv, struct page *page, unsigned int len, unsigned int offset)
{
	bv->bv_page = page;
	bv->bv_len = len;
	bv->bv_offset = offset;
}

DMALAB_INLINE phys_addr_t bvec_phys(const struct bio_vec *bv)
{
	return page_to_phys(bv->bv_page) + bv->bv_offset;
}

#define bvec_virt(bv) ((void *)((char *)page_address((bv)->bv_page) + (bv)->bv_offset))
#define bvec_kmap_local(bv) bvec_virt(bv)

#endif
