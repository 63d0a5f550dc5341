/* A block driver that maps requests with the two-step API, and in other ways where there is none.
 * Written for dmalab; the device is a model in hba_device.dma. */
#include <linux/blk-mq.h>
#include <linux/blk-mq-dma.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "block_hba.h"

#define HBA_HAS_TWO_STEP (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0))

/* How requests are mapped: by the block layer's iterator, by a range that is linked here, or as a
 * scatterlist, which is all that older kernels have. */
enum hba_how { HBA_ITER, HBA_RANGE, HBA_LIST };

struct hba_range {
	dma_addr_t addr;
	u32 len;
};

/* What belongs to a request while the device has it. */
struct hba_area {
	struct dma_iova_state state;
	struct sg_table list;
	struct hba_range ranges[HBA_SEGS];
	u32 nr;
	size_t mapped;
	unsigned long attrs;
	enum pci_p2pdma_map_type map;
	struct hba_seg *table;
	dma_addr_t table_dma;
};

struct hba {
	struct device *dev;
	void __iomem *regs;
	enum hba_how how;
	struct dma_pool *pool;
	struct hba_cmd *cmd;
	dma_addr_t cmd_dma;
	struct hba_done *done;
	dma_addr_t done_dma;
	struct request *requests[HBA_SLOTS];
	u32 next;
	u32 clean;
};

static struct hba *the_hba;

static void hba_free(struct hba *hba)
{
	if (hba->done)
		dma_free_coherent(hba->dev, HBA_SLOTS * sizeof(*hba->done), hba->done, hba->done_dma);
	if (hba->cmd)
		dma_free_coherent(hba->dev, HBA_SLOTS * sizeof(*hba->cmd), hba->cmd, hba->cmd_dma);
	dma_pool_destroy(hba->pool);
	kfree(hba);
}

int hba_open(struct device *dev, void __iomem *regs, int how)
{
	struct hba *hba = kzalloc(sizeof(*hba), GFP_KERNEL);
	int error;

	BUILD_BUG_ON(sizeof(struct hba_area) > 1024);
	if (!hba)
		return -ENOMEM;
	hba->dev = dev;
	hba->regs = regs;
	hba->how = HBA_HAS_TWO_STEP ? (enum hba_how)how : HBA_LIST;
	error = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (error)
		goto free;
	/* A bounced piece must keep its place in the IOMMU's page, or it cannot be linked. */
	dma_set_min_align_mask(dev, SZ_4K - 1);
	error = -ENOMEM;
	hba->pool = dma_pool_create("segments", dev, HBA_SEGS * sizeof(struct hba_seg), 64, 0);
	if (!hba->pool)
		goto free;
	hba->cmd = dma_alloc_coherent(dev, HBA_SLOTS * sizeof(*hba->cmd), &hba->cmd_dma, GFP_KERNEL);
	if (!hba->cmd)
		goto free;
	hba->done = dma_alloc_coherent(dev, HBA_SLOTS * sizeof(*hba->done), &hba->done_dma, GFP_KERNEL);
	if (!hba->done)
		goto free;
	writel(lower_32_bits(hba->cmd_dma), regs + HBA_CMD_BASE);
	writel(upper_32_bits(hba->cmd_dma), regs + HBA_CMD_BASE + 4);
	writel(lower_32_bits(hba->done_dma), regs + HBA_DONE_BASE);
	writel(upper_32_bits(hba->done_dma), regs + HBA_DONE_BASE + 4);
	writel(0, regs + HBA_CMD_TAIL);
	writel(HBA_CTRL_ENABLE, regs + HBA_CTRL);
	the_hba = hba;
	return 0;

free:
	hba_free(hba);
	return error;
}

static void hba_add_range(struct hba_area *area, dma_addr_t addr, u32 len)
{
	area->ranges[area->nr].addr = addr;
	area->ranges[area->nr].len = len;
	area->nr++;
	area->mapped += len;
}

#if HBA_HAS_TWO_STEP
static void hba_unmap_each(struct hba *hba, struct request *req, struct hba_area *area)
{
	u32 index;

	for (index = 0; index < area->nr; index++)
		dma_unmap_phys(hba->dev, area->ranges[index].addr, area->ranges[index].len,
			       rq_dma_dir(req), area->attrs);
}

static void hba_unmap_by_iter(struct hba *hba, struct request *req, struct hba_area *area)
{
	if (!blk_rq_dma_unmap(req, hba->dev, &area->state, area->mapped, area->map))
		hba_unmap_each(hba, req, area);
}

static blk_status_t hba_map_by_iter(struct hba *hba, struct request *req, struct hba_area *area)
{
	struct blk_dma_iter iter;

	if (!blk_rq_dma_map_iter_start(req, hba->dev, &area->state, &iter))
		return iter.status;
	area->map = iter.p2pdma.map;
	if (area->map == PCI_P2PDMA_MAP_THRU_HOST_BRIDGE)
		area->attrs = DMA_ATTR_MMIO;
	do
		hba_add_range(area, iter.addr, iter.len);
	while (!blk_rq_dma_map_coalesce(&area->state) &&
	       blk_rq_dma_map_iter_next(req, hba->dev, &iter));
	if (iter.status)
		hba_unmap_by_iter(hba, req, area);
	return iter.status;
}

/* Whether pieces can follow each other in one range: all but the first begin on its grain, and all
 * but the last end there. */
static bool hba_pieces_meet(struct hba *hba, struct request *req)
{
	unsigned long mask = dma_get_merge_boundary(hba->dev);
	phys_addr_t end = 0;
	struct req_iterator it;
	struct bio_vec bv;

	if (!mask)
		return false;
	rq_for_each_bvec(bv, req, it) {
		if (end && ((bvec_phys(&bv) | end) & mask))
			return false;
		end = bvec_phys(&bv) + bv.bv_len;
	}
	return true;
}

static int hba_link_all(struct hba *hba, struct request *req, struct hba_area *area)
{
	struct req_iterator it;
	struct bio_vec bv;
	size_t done = 0;
	int error = 0;

	rq_for_each_bvec(bv, req, it) {
		error = dma_iova_link(hba->dev, &area->state, bvec_phys(&bv), done, bv.bv_len,
				      rq_dma_dir(req), 0);
		if (error)
			break;
		done += bv.bv_len;
	}
	if (!error)
		error = dma_iova_sync(hba->dev, &area->state, 0, done);
	if (!error)
		return 0;
	/* A destroy frees only the length passed as mapped: not all of the range. */
	if (done)
		dma_iova_unlink(hba->dev, &area->state, 0, done, rq_dma_dir(req), 0);
	dma_iova_free(hba->dev, &area->state);
	memset(&area->state, 0, sizeof(area->state));
	return error;
}

static blk_status_t hba_map_each(struct hba *hba, struct request *req, struct hba_area *area)
{
	struct req_iterator it;
	struct bio_vec bv;

	rq_for_each_bvec(bv, req, it) {
		dma_addr_t addr = dma_map_phys(hba->dev, bvec_phys(&bv), bv.bv_len, rq_dma_dir(req), 0);

		if (dma_mapping_error(hba->dev, addr)) {
			hba_unmap_each(hba, req, area);
			return BLK_STS_RESOURCE;
		}
		hba_add_range(area, addr, bv.bv_len);
	}
	return BLK_STS_OK;
}

static blk_status_t hba_map_by_range(struct hba *hba, struct request *req, struct hba_area *area)
{
	struct bio_vec first = req_bvec(req);
	int error;

	/* What the tag's last request left there means nothing. */
	memset(&area->state, 0, sizeof(area->state));
	if (!hba_pieces_meet(hba, req) ||
	    !dma_iova_try_alloc(hba->dev, &area->state, bvec_phys(&first), blk_rq_payload_bytes(req)))
		return hba_map_each(hba, req, area);
	error = hba_link_all(hba, req, area);
	if (error)
		return errno_to_blk_status(error);
	hba_add_range(area, area->state.addr, blk_rq_payload_bytes(req));
	return BLK_STS_OK;
}

static void hba_unmap_by_range(struct hba *hba, struct request *req, struct hba_area *area)
{
	if (dma_use_iova(&area->state))
		dma_iova_destroy(hba->dev, &area->state, area->mapped, rq_dma_dir(req), 0);
	else
		hba_unmap_each(hba, req, area);
}
#endif

static void hba_unmap_list(struct hba *hba, struct request *req, struct hba_area *area)
{
	dma_unmap_sgtable(hba->dev, &area->list, rq_dma_dir(req), 0);
	sg_free_table(&area->list);
}

static blk_status_t hba_map_list(struct hba *hba, struct request *req, struct hba_area *area)
{
	struct scatterlist *sg;
	int error, index;

	if (sg_alloc_table(&area->list, blk_rq_nr_phys_segments(req), GFP_ATOMIC))
		return BLK_STS_RESOURCE;
#if HBA_HAS_TWO_STEP
	area->list.orig_nents = (unsigned int)blk_rq_map_sg(req, area->list.sgl);
#else
	area->list.orig_nents = (unsigned int)blk_rq_map_sg(req->q, req, area->list.sgl);
#endif
	error = dma_map_sgtable(hba->dev, &area->list, rq_dma_dir(req), 0);
	if (error) {
		sg_free_table(&area->list);
		return error == -ENOMEM ? BLK_STS_RESOURCE : BLK_STS_IOERR;
	}
	for_each_sgtable_dma_sg(&area->list, sg, index)
		hba_add_range(area, sg_dma_address(sg), sg_dma_len(sg));
	return BLK_STS_OK;
}

static blk_status_t hba_map(struct hba *hba, struct request *req, struct hba_area *area)
{
	area->nr = 0;
	area->mapped = 0;
	area->attrs = 0;
	if (!blk_rq_payload_bytes(req))
		return BLK_STS_OK;
	switch (hba->how) {
#if HBA_HAS_TWO_STEP
	case HBA_ITER:
		return hba_map_by_iter(hba, req, area);
	case HBA_RANGE:
		return hba_map_by_range(hba, req, area);
#endif
	default:
		return hba_map_list(hba, req, area);
	}
}

static void hba_unmap(struct hba *hba, struct request *req, struct hba_area *area)
{
	if (!area->nr)
		return;
	switch (hba->how) {
#if HBA_HAS_TWO_STEP
	case HBA_ITER:
		return hba_unmap_by_iter(hba, req, area);
	case HBA_RANGE:
		return hba_unmap_by_range(hba, req, area);
#endif
	default:
		return hba_unmap_list(hba, req, area);
	}
}

/* Tells the device where the data is. */
static blk_status_t hba_fill_table(struct hba *hba, struct hba_area *area)
{
	u32 index;

	area->table = NULL;
	if (!area->nr)
		return BLK_STS_OK;
	area->table = dma_pool_alloc(hba->pool, GFP_ATOMIC, &area->table_dma);
	if (!area->table)
		return BLK_STS_RESOURCE;
	for (index = 0; index < area->nr; index++) {
		area->table[index].addr = cpu_to_le64(area->ranges[index].addr);
		area->table[index].len = cpu_to_le32(area->ranges[index].len);
		area->table[index].reserved = 0;
	}
	return BLK_STS_OK;
}

static u8 hba_op(struct request *req)
{
	if (req_op(req) == REQ_OP_FLUSH)
		return HBA_FLUSH;
	return op_is_write(req_op(req)) ? HBA_WRITE : HBA_READ;
}

static void hba_send(struct hba *hba, struct request *req, struct hba_area *area)
{
	struct hba_cmd *cmd = &hba->cmd[hba->next % HBA_SLOTS];

	cmd->op = hba_op(req);
	cmd->tag = (u8)req->tag;
	cmd->segs = cpu_to_le16((u16)area->nr);
	cmd->bytes = cpu_to_le32(blk_rq_payload_bytes(req));
	cmd->sector = cpu_to_le64(blk_rq_pos(req));
	cmd->table = cpu_to_le64(area->nr ? area->table_dma : 0);
	cmd->reserved = 0;
	hba->requests[req->tag] = req;
	hba->next++;
	dma_wmb();
	writel(hba->next, hba->regs + HBA_CMD_TAIL);
}

/* What the block layer calls for each request. */
static blk_status_t hba_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct hba *hba = hctx->driver_data;
	struct request *req = bd->rq;
	struct hba_area *area = blk_mq_rq_to_pdu(req);
	blk_status_t status;

	if (hba->next - hba->clean == HBA_SLOTS || req->tag >= HBA_SLOTS)
		return BLK_STS_DEV_RESOURCE;
	if (blk_rq_nr_phys_segments(req) > HBA_SEGS)
		return BLK_STS_INVAL;
	status = hba_map(hba, req, area);
	if (status)
		return status;
	status = hba_fill_table(hba, area);
	if (status) {
		hba_unmap(hba, req, area);
		return status;
	}
	blk_mq_start_request(req);
	hba_send(hba, req, area);
	return BLK_STS_OK;
}

/* What a script calls: as the block layer, but a request that cannot be queued ends at once. */
int hba_submit(struct request *req)
{
	struct blk_mq_queue_data bd = { .rq = req, .last = true };
	blk_status_t status;

	req->mq_hctx->driver_data = the_hba;
	status = hba_queue_rq(req->mq_hctx, &bd);
	if (status)
		blk_mq_end_request(req, status);
	return status;
}

static void hba_finish(struct hba *hba, struct request *req, blk_status_t status)
{
	struct hba_area *area = blk_mq_rq_to_pdu(req);

	hba_unmap(hba, req, area);
	if (area->table)
		dma_pool_free(hba->pool, area->table, area->table_dma);
	hba->requests[req->tag] = NULL;
	blk_mq_end_request(req, status);
}

/* Ends what the device has done; gives how many requests those were. */
int hba_poll(void)
{
	struct hba *hba = the_hba;
	int ended = 0;

	while (hba->clean != hba->next) {
		struct hba_done *done = &hba->done[hba->clean % HBA_SLOTS];
		u8 phase = !(hba->clean / HBA_SLOTS % 2);

		if (READ_ONCE(done->phase) != phase)
			break;
		dma_rmb();
		if (done->tag >= HBA_SLOTS || !hba->requests[done->tag]) {
			dev_err(hba->dev, "ends tag %u, which it does not have\n", done->tag);
			break;
		}
		hba_finish(hba, hba->requests[done->tag], done->status ? BLK_STS_IOERR : BLK_STS_OK);
		hba->clean++;
		ended++;
	}
	return ended;
}

void hba_close(void)
{
	struct hba *hba = the_hba;
	u32 tag;

	writel(0, hba->regs + HBA_CTRL);
	for (tag = 0; tag < HBA_SLOTS; tag++)
		if (hba->requests[tag])
			hba_finish(hba, hba->requests[tag], BLK_STS_IOERR);
	hba_free(hba);
	the_hba = NULL;
}

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A block HBA for dmalab");
