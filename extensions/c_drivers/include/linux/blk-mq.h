#ifndef DMALAB_LINUX_BLK_MQ_H
#define DMALAB_LINUX_BLK_MQ_H

#include <linux/blk_types.h>
#include <linux/dma-mapping.h>
#include <linux/version.h>

struct bio;

struct request_queue {
	void *queuedata;
	void *dmalab_reserved;
};

struct blk_mq_hw_ctx {
	void *driver_data;
	struct request_queue *queue;
	unsigned int queue_num;
};

/* Drivers use the accessors. The vectors are those of all bios, in order. */
struct request {
	struct request_queue *q;
	struct blk_mq_hw_ctx *mq_hctx;
	struct bio *bio;
	unsigned int cmd_flags;
	unsigned int rq_flags;
	int tag;
	unsigned int timeout;
	unsigned int __data_len;
	unsigned int dmalab_segments;
	sector_t __sector;
	struct bio_vec special_vec;
	const struct bio_vec *dmalab_vecs;
	unsigned int dmalab_vec_count;
};

struct blk_mq_queue_data {
	struct request *rq;
	bool last;
};

/* Where a walk over a request's memory stands. */
struct req_iterator {
	unsigned int dmalab_index;
	unsigned int dmalab_done;
};

#include <dmalab/calls/blk-mq.h>
#include <dmalab/block_layouts.h>

#define READ 0
#define WRITE 1

DMALAB_INLINE unsigned int req_op(const struct request *req)
{
	return req->cmd_flags & REQ_OP_MASK;
}

#define rq_data_dir(req) (op_is_write(req_op(req)) ? WRITE : READ)
#define rq_dma_dir(req) (op_is_write(req_op(req)) ? DMA_TO_DEVICE : DMA_FROM_DEVICE)

DMALAB_INLINE sector_t blk_rq_pos(const struct request *req)
{
	return req->__sector;
}

DMALAB_INLINE unsigned int blk_rq_bytes(const struct request *req)
{
	return req->__data_len;
}

DMALAB_INLINE unsigned int blk_rq_sectors(const struct request *req)
{
	return blk_rq_bytes(req) >> 9;
}

DMALAB_INLINE unsigned int blk_rq_payload_bytes(const struct request *req)
{
	return req->rq_flags & RQF_SPECIAL_PAYLOAD ? req->special_vec.bv_len : blk_rq_bytes(req);
}

DMALAB_INLINE unsigned short blk_rq_nr_phys_segments(const struct request *req)
{
	return (unsigned short)(req->rq_flags & RQF_SPECIAL_PAYLOAD ? 1 : req->dmalab_segments);
}

/* The first vector. */
DMALAB_INLINE struct bio_vec req_bvec(const struct request *req)
{
	return req->rq_flags & RQF_SPECIAL_PAYLOAD ? req->special_vec : req->dmalab_vecs[0];
}

DMALAB_INLINE bool dmalab_next_bvec(const struct request *req, struct req_iterator *it, struct bio_vec *bv)
{
	if (it->dmalab_index >= req->dmalab_vec_count)
		return false;
	*bv = req->dmalab_vecs[it->dmalab_index++];
	return true;
}

/* As much of a vector as lies in one page. */
DMALAB_INLINE bool dmalab_next_segment(const struct request *req, struct req_iterator *it, struct bio_vec *bv)
{
	const struct bio_vec *from;
	unsigned int at, room;

	if (it->dmalab_index >= req->dmalab_vec_count)
		return false;
	from = &req->dmalab_vecs[it->dmalab_index];
	at = from->bv_offset + it->dmalab_done;
	room = (unsigned int)PAGE_SIZE - at % (unsigned int)PAGE_SIZE;
	bv->bv_page = from->bv_page + at / (unsigned int)PAGE_SIZE;
	bv->bv_offset = at % (unsigned int)PAGE_SIZE;
	bv->bv_len = from->bv_len - it->dmalab_done < room ? from->bv_len - it->dmalab_done : room;
	it->dmalab_done += bv->bv_len;
	if (it->dmalab_done == from->bv_len) {
		it->dmalab_index++;
		it->dmalab_done = 0;
	}
	return true;
}

#define rq_for_each_bvec(bv, req, it) \
	for ((it).dmalab_index = 0; dmalab_next_bvec((req), &(it), &(bv));)
#define rq_for_each_segment(bv, req, it)                          \
	for ((it).dmalab_index = 0, (it).dmalab_done = 0;         \
	     dmalab_next_segment((req), &(it), &(bv));)

/* The driver's own area, which belongs to the tag: it is as the tag's last request left it. */
DMALAB_INLINE void *blk_mq_rq_to_pdu(struct request *req)
{
	return (char *)req + DMALAB_PDU_AT;
}

DMALAB_INLINE struct request *blk_mq_rq_from_pdu(void *pdu)
{
	return (struct request *)(void *)((char *)pdu - DMALAB_PDU_AT);
}

#define blk_mq_start_request(req) ((void)(req))

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#define blk_rq_map_sg(q, req, sg) ((void)(q), dmalab_rq_map_sg(req, sg))
#else
#define blk_rq_map_sg(req, sg) dmalab_rq_map_sg(req, sg)
#endif

#endif
