// SPDX-License-Identifier: MIT
/* A write of one bio, iterated, mapped and unmapped by the tree's block/blk-mq-dma.c. */
#include "block/blk-mq-dma.c"

/* Of bench.c. */
#define MOST_PAGES 8
extern struct page *bench_pages[MOST_PAGES];
extern dma_addr_t bench_addrs[MOST_PAGES];
extern unsigned int bench_count;
int take_bench_pages(unsigned int count);
void free_bench_pages(void);

static struct request_queue queue;
static struct request request;
static struct bio bio;
static struct bio_vec vecs[MOST_PAGES];
static struct dma_iova_state state;
static struct { dma_addr_t addr; u32 bytes; } segments[MOST_PAGES];
static unsigned int segment_count;
static enum pci_p2pdma_map_type kind;

static void lay_out(unsigned int count, unsigned int offset)
{
	unsigned int number, bytes = PAGE_SIZE - offset;

	queue.limits.max_segment_size = UINT_MAX;
	queue.limits.seg_boundary_mask = ULONG_MAX;
	memset(&request, 0, sizeof(request));
	memset(&bio, 0, sizeof(bio));
	for (number = 0; number < count; number++)
		bvec_set_page(&vecs[number], bench_pages[number], bytes, offset);
	bio.bi_opf = request.cmd_flags = REQ_OP_WRITE;
	bio.bi_io_vec = vecs;
	bio.bi_vcnt = count;
	bio.bi_iter.bi_size = request.__data_len = count * bytes;
	request.q = &queue;
	request.bio = request.biotail = &bio;
	request.nr_phys_segments = count;
	/* The block layer notes here how the segments' ends are aligned, for the merge boundary. */
	request.phys_gap_bit = offset ? ffs(offset) : 0;
}

void unmap_it(struct device *dev)
{
	unsigned int number;

	if (!blk_rq_dma_unmap(&request, dev, &state, request.__data_len, kind)) {
		for (number = 0; number < segment_count; number++)
			dma_unmap_phys(dev, segments[number].addr, segments[number].bytes, DMA_TO_DEVICE, 0);
	}
	free_bench_pages();
}

/* The pages from that offset on, as a driver maps a request: 0, or the status of the block layer. */
int map_it(struct device *dev, unsigned int count, unsigned int offset)
{
	struct blk_dma_iter iter = {};
	unsigned int number;

	if (take_bench_pages(count))
		return (__force int)BLK_STS_RESOURCE;
	lay_out(count, offset);
	segment_count = 0;
	if (!blk_rq_dma_map_iter_start(&request, dev, &state, &iter)) {
		free_bench_pages();
		return (__force int)iter.status;
	}
	kind = iter.p2pdma.map;
	do {
		segments[segment_count].addr = iter.addr;
		segments[segment_count++].bytes = iter.len;
	} while (!blk_rq_dma_map_coalesce(&state) && blk_rq_dma_map_iter_next(&request, dev, &iter));
	if (iter.status != BLK_STS_OK) {
		unmap_it(dev);
		return (__force int)iter.status;
	}
	for (number = 0; number < count; number++)
		bench_addrs[number] = segment_count == 1 ? segments[0].addr + number * (PAGE_SIZE - offset)
							 : segments[number].addr;
	return 0;
}

unsigned int segments_total(void) { return segment_count; }
