#include <linux/blk-mq-dma.h>
#include <linux/dmapool.h>
#include <linux/hmm-dma.h>
#include <linux/pci.h>
#include <linux/slab.h>

/* What a driver does with a request, step by step, for the tests of the headers. */

struct area {
	struct dma_iova_state state;
	struct blk_dma_iter iter;
	unsigned int ranges;
	size_t mapped;
};

long facts(struct request *req, int which)
{
	struct req_iterator it;
	struct bio_vec bv;
	long count = 0;

	switch (which) {
	case 0: return blk_rq_bytes(req);
	case 1: return blk_rq_nr_phys_segments(req);
	case 2: return (long)blk_rq_pos(req);
	case 3: return req_op(req) * 10 + rq_data_dir(req);
	case 4: return rq_dma_dir(req);
	case 5: rq_for_each_bvec(bv, req, it) count++; return count;
	case 6: rq_for_each_segment(bv, req, it) count++; return count;
	case 7: rq_for_each_segment(bv, req, it) count += bv.bv_len; return count;
	case 8: return req->tag;
	case 9: bv = req_bvec(req); return (long)bvec_phys(&bv);
	case 10: return blk_mq_rq_from_pdu(blk_mq_rq_to_pdu(req)) == req;
	case 11: return blk_status_to_errno(BLK_STS_RESOURCE) + errno_to_blk_status(-EINVAL);
	default: return -1;
	}
}

/* Gives how many ranges the request became, or minus its block status. */
int map_all(struct request *req, struct device *dev)
{
	struct area *area = blk_mq_rq_to_pdu(req);

	area->ranges = 0;
	area->mapped = 0;
	if (!blk_rq_dma_map_iter_start(req, dev, &area->state, &area->iter))
		return -area->iter.status;
	do {
		area->ranges++;
		area->mapped += area->iter.len;
	} while (!blk_rq_dma_map_coalesce(&area->state) && blk_rq_dma_map_iter_next(req, dev, &area->iter));
	return (int)area->ranges;
}

/* What the CPU finds in a request: its bytes added up; then each becomes another. */
u64 by_cpu(struct request *req, u8 then)
{
	struct req_iterator it;
	struct bio_vec bv;
	u64 sum = 0;
	u32 at;

	rq_for_each_segment(bv, req, it) {
		u8 *bytes = bvec_virt(&bv);

		for (at = 0; at < bv.bv_len; at++)
			sum += bytes[at];
		memset(bytes, then, bv.bv_len);
	}
	return sum;
}

u64 first_address(struct request *req)
{
	struct area *area = blk_mq_rq_to_pdu(req);

	return area->iter.addr;
}

u32 kind(struct request *req)
{
	struct area *area = blk_mq_rq_to_pdu(req);

	return area->iter.p2pdma.map == PCI_P2PDMA_MAP_BUS_ADDR;
}

int unmap_all(struct request *req, struct device *dev)
{
	struct area *area = blk_mq_rq_to_pdu(req);

	return blk_rq_dma_unmap(req, dev, &area->state, area->mapped, area->iter.p2pdma.map);
}

void end(struct request *req, int status)
{
	blk_mq_end_request(req, (blk_status_t)status);
}

static struct request *kept;

void keep(struct request *req)
{
	kept = req;
}

u32 late(void)
{
	return blk_rq_bytes(kept);
}

int pools(struct device *dev, size_t size, size_t align, size_t boundary)
{
	struct dma_pool *pool = dma_pool_create("blocks", dev, size, align, boundary);
	dma_addr_t first, second;
	u32 *one, *other;
	int zero, far;

	if (!pool)
		return -EINVAL;
	one = dma_pool_alloc(pool, GFP_KERNEL, &first);
	other = dma_pool_zalloc(pool, GFP_KERNEL, &second);
	if (!one || !other)
		return -ENOMEM;
	zero = other[0] == 0 && one[0] != 0;
	far = (int)(second - first);
	dma_pool_free(pool, one, first);
	dma_pool_free(pool, other, second);
	dma_pool_destroy(pool);
	return zero ? far : -EIO;
}

/* Blocks of two pages, of which the second is the pool's own memory, too. */
int big_blocks(struct device *dev)
{
	struct dma_pool *pool = dma_pool_create("big", dev, 8192, 16, 0);
	dma_addr_t first, second, third;
	u32 *one, *other, *again;
	int right;

	if (!pool)
		return -EINVAL;
	one = dma_pool_alloc(pool, GFP_KERNEL, &first);
	other = dma_pool_zalloc(pool, GFP_KERNEL, &second);
	if (!one || !other)
		return -ENOMEM;
	one[2047] = 5;
	right = !other[0] && !other[2047] && (second >= first + 8192 || second + 8192 <= first);
	dma_pool_free(pool, one, first);
	again = dma_pool_zalloc(pool, GFP_KERNEL, &third);
	right = right && again == one && third == first && again[2047] == 0;
	dma_pool_free(pool, again, third);
	dma_pool_free(pool, other, second);
	dma_pool_destroy(pool);
	return right;
}

int beyond_big_block(struct device *dev)
{
	struct dma_pool *pool = dma_pool_create("big", dev, 8192, 16, 0);
	dma_addr_t dma;
	u32 *block = dma_pool_zalloc(pool, GFP_KERNEL, &dma);

	return (int)block[2048];
}

int pool_mistake(struct device *dev, int which)
{
	struct dma_pool *pool = dma_pool_create("blocks", dev, 64, 64, 0);
	dma_addr_t dma;
	u32 *block = dma_pool_alloc(pool, GFP_KERNEL, &dma);

	switch (which) {
	case 0: dma_pool_free(pool, block, dma); dma_pool_free(pool, block, dma); break;
	case 1: dma_pool_free(pool, block, dma + 64); break;
	case 2: dma_pool_free(pool, block, dma); return (int)block[3];
	case 3: return (int)block[16];
	case 4: dma_pool_destroy(pool); return 0;
	case 5: return *(int *)pool;
	}
	return 0;
}

u64 peer(struct device *dev, struct device *owner, size_t size)
{
	struct pci_dev *pdev = to_pci_dev(owner);
	struct pci_p2pdma_map_state state = { 0 };
	u32 *memory = pci_alloc_p2pmem(pdev, size);
	struct page *page;
	u64 bus;

	if (!memory)
		return 0;
	memory[1] = 0x55667788;
	page = virt_to_page(memory);
	if (!is_pci_p2pdma_page(page) || pci_p2pdma_distance(pdev, dev, true) < 0)
		return 1;
	if (pci_p2pdma_state(&state, dev, page) != PCI_P2PDMA_MAP_BUS_ADDR)
		return 2;
	bus = pci_p2pdma_bus_addr_map(state.mem, page_to_phys(page));
	if (bus != pci_p2pmem_virt_to_bus(pdev, memory) || pci_p2pmem_find(dev) != pdev)
		return 3;
	pci_free_p2pmem(pdev, memory, size);
	return bus;
}

/* A descriptor as `how` says: 0 whole, 1 without its last word, 2 not at all; gives where it is. */
u64 descriptor(struct device *dev, int from, int how)
{
	static struct dma_pool *pool;
	dma_addr_t dma = 0;
	u64 *desc;

	if (!pool)
		pool = dma_pool_create("descriptors", dev, 32, 32, 0);
	if (from == 0)
		desc = dma_pool_alloc(pool, GFP_KERNEL, &dma);
	else if (from == 1)
		desc = dma_alloc_coherent(dev, 32, &dma, GFP_KERNEL);
	else
		desc = kmalloc(32, GFP_KERNEL);
	if (how < 2)
		memset(desc, 1, how ? 28 : 32);
	if (from == 2)
		dma = dma_map_single(dev, desc, 32, DMA_TO_DEVICE);
	return dma_mapping_error(dev, dma) ? 0 : dma;
}

/* Maps pages one by one, the last first; gives how many could be, or an error. */
int pages_one_by_one(struct device *dev, void *first, int pages)
{
	struct pci_p2pdma_map_state peers = { 0 };
	struct hmm_dma_map map;
	int error, index, mapped = 0;

	error = hmm_dma_map_alloc(dev, &map, (size_t)pages, PAGE_SIZE);
	if (error)
		return error;
	for (index = pages - 1; index >= 0; index--) {
		phys_addr_t phys = virt_to_phys(first) + (phys_addr_t)index * PAGE_SIZE;

		map.pfn_list[index] = PHYS_PFN(phys) | HMM_PFN_VALID | HMM_PFN_WRITE;
		if (dma_mapping_error(dev, hmm_dma_map_pfn(dev, &map, (size_t)index, &peers)))
			continue;
		if (!(map.pfn_list[index] & HMM_PFN_DMA_MAPPED) || hmm_pfn_to_phys(map.pfn_list[index]) != phys)
			return -EIO;
		mapped++;
	}
	for (index = 0; index < pages; index++)
		hmm_dma_unmap_pfn(dev, &map, (size_t)index);
	if (map.pfn_list[0] & HMM_PFN_DMA_MAPPED)
		return -EIO;
	hmm_dma_map_free(dev, &map);
	return mapped;
}
