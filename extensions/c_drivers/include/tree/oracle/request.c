/* One request at a time, laid out as the block layer does, and iterated by the tree's block/blk-mq-dma.c. */
#include <linux/blk-integrity.h>
#include <linux/blk-mq-dma.h>

#define MOST_BIOS 8
#define MOST_VECS 16

static struct request_queue lab_queue;
static struct request lab_request;
static struct bio lab_bios[MOST_BIOS];
static struct bio_integrity_payload lab_payloads[MOST_BIOS];
static struct bio_vec lab_vecs[MOST_BIOS][MOST_VECS], lab_metadata[MOST_BIOS][MOST_VECS];
static unsigned int lab_bio_count;
static struct blk_dma_iter lab_iter;

void lab_rq_queue(unsigned int max_segment, unsigned long boundary_mask, unsigned int block_bytes,
		  unsigned int metadata_bytes)
{
	lab_queue.limits.max_segment_size = max_segment;
	lab_queue.limits.seg_boundary_mask = boundary_mask;
	lab_queue.limits.max_integrity_segments = USHRT_MAX;
	lab_queue.limits.integrity.interval_exp = ilog2(block_bytes);
	lab_queue.limits.integrity.metadata_size = metadata_bytes;
}

void lab_rq_begin(bool is_write, unsigned int segments, unsigned int gap_bit)
{
	memset(&lab_request, 0, sizeof(lab_request));
	memset(lab_bios, 0, sizeof(lab_bios));
	memset(lab_payloads, 0, sizeof(lab_payloads));
	lab_bio_count = 0;
	lab_request.q = &lab_queue;
	lab_request.cmd_flags = is_write ? REQ_OP_WRITE : REQ_OP_READ;
	lab_request.nr_phys_segments = segments;
	lab_request.phys_gap_bit = gap_bit;
}

static void lab_set(struct bio_vec *vec, phys_addr_t phys, unsigned int bytes)
{
	bvec_set_page(vec, pfn_to_page(phys >> PAGE_SHIFT), bytes, offset_in_page(phys));
}

void lab_rq_bio(void)
{
	struct bio *bio = lab_bios + lab_bio_count;

	bio->bi_opf = lab_request.cmd_flags;
	bio->bi_io_vec = lab_vecs[lab_bio_count++];
	if (lab_request.biotail)
		lab_request.biotail->bi_next = bio;
	else
		lab_request.bio = bio;
	lab_request.biotail = bio;
}

void lab_rq_vec(phys_addr_t phys, unsigned int bytes)
{
	struct bio *bio = lab_request.biotail;

	lab_set(bio->bi_io_vec + bio->bi_vcnt++, phys, bytes);
	bio->bi_iter.bi_size += bytes;
}

/* Which of its vectors' bytes the bio is. */
void lab_rq_window(unsigned int skipped, unsigned int bytes)
{
	struct bio *bio = lab_request.biotail;

	bvec_iter_advance(bio->bi_io_vec, &bio->bi_iter, skipped);
	bio->bi_iter.bi_size = bytes;
	lab_request.__data_len += bytes;
}

void lab_rq_metadata(phys_addr_t phys, unsigned int bytes)
{
	struct bio_integrity_payload *payload = lab_payloads + lab_bio_count - 1;
	struct bio *bio = lab_request.biotail;

	payload->bip_vec = lab_metadata[lab_bio_count - 1];
	lab_set(payload->bip_vec + payload->bip_vcnt++, phys, bytes);
	payload->bip_iter.bi_size += bytes;
	bio->bi_integrity = payload;
	bio->bi_opf |= REQ_INTEGRITY;
	lab_request.cmd_flags |= REQ_INTEGRITY;
	lab_request.nr_integrity_segments++;
}

void lab_rq_special(phys_addr_t phys, unsigned int bytes)
{
	lab_set(&lab_request.special_vec, phys, bytes);
	lab_request.rq_flags |= RQF_SPECIAL_PAYLOAD;
}

bool lab_rq_start(struct device *dev, struct dma_iova_state *state, bool is_metadata)
{
	return is_metadata ? blk_rq_integrity_dma_map_iter_start(&lab_request, dev, state, &lab_iter)
			   : blk_rq_dma_map_iter_start(&lab_request, dev, state, &lab_iter);
}

bool lab_rq_next(struct device *dev, bool is_metadata)
{
	return is_metadata ? blk_rq_integrity_dma_map_iter_next(&lab_request, dev, &lab_iter)
			   : blk_rq_dma_map_iter_next(&lab_request, dev, &lab_iter);
}

bool lab_rq_is_one_range(struct dma_iova_state *state)
{
	return blk_rq_dma_map_coalesce(state);
}

bool lab_rq_unmap(struct device *dev, struct dma_iova_state *state, size_t bytes, enum pci_p2pdma_map_type kind)
{
	return blk_rq_dma_unmap(&lab_request, dev, state, bytes, kind);
}

dma_addr_t lab_rq_addr(void)
{
	return lab_iter.addr;
}

unsigned int lab_rq_bytes(void)
{
	return lab_iter.len;
}

unsigned int lab_rq_status(void)
{
	return (__force unsigned int)lab_iter.status;
}

unsigned int lab_rq_kind(void)
{
	return lab_iter.p2pdma.map;
}

/* The number of entries, negative where the last one is not marked as such; the list has room. */
int lab_rq_list(struct scatterlist *list, bool is_metadata)
{
	const int count = is_metadata ? blk_rq_map_integrity_sg(&lab_request, list)
				      : blk_rq_map_sg(&lab_request, list);

	return count == 0 || sg_is_last(&list[count - 1]) ? count : -count;
}

unsigned long lab_list_phys(struct scatterlist *list)
{
	return sg_phys(list);
}

unsigned int lab_list_bytes(struct scatterlist *list)
{
	return list->length;
}
