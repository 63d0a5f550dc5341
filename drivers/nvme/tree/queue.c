/*
 * The data path of a tree's own NVMe driver: one queue, and requests that a scenario lays out. What is
 * static in the driver is seen, because its file is included.
 */
#include "drivers/nvme/host/pci.c"

#define QUEUE_ENTRIES 64
#define MOST_SEGMENTS 128

static struct nvme_dev disk;
static struct nvme_queue queue;
static struct blk_mq_hw_ctx context;
static struct request_queue limits;
static struct {
	struct request request;
	struct nvme_iod iod;
} slot;
static struct bio bio;
static struct bio_vec segments[MOST_SEGMENTS];
static u64 first_block;
static unsigned long gaps, last_end;

/* The driver's core builds commands: here from what the scenario has said. */
blk_status_t nvme_setup_cmd(struct nvme_ns *ns, struct request *req)
{
	struct nvme_command *cmd = &slot.iod.cmd;

	memset(cmd, 0, sizeof(*cmd));
	cmd->rw.opcode = rq_data_dir(req) == WRITE ? nvme_cmd_write : nvme_cmd_read;
	cmd->rw.nsid = cpu_to_le32(1);
	cmd->rw.slba = cpu_to_le64(first_block);
	cmd->rw.length = cpu_to_le16((blk_rq_bytes(req) >> 9) - 1);
	return BLK_STS_OK;
}

/* A queue that the controller has, with its doorbell at the start of a window. */
int queue_start(struct device *dev, unsigned long doorbell, bool sgls)
{
	memset(&disk, 0, sizeof(disk));
	memset(&queue, 0, sizeof(queue));
	disk.dev = dev;
	disk.ctrl.state = NVME_CTRL_LIVE;
	disk.ctrl.sgls = sgls ? NVME_CTRL_SGLS_BYTE_ALIGNED : 0;
	disk.dmavec_mempool = mempool_create_kmalloc_pool(1, PAGE_SIZE);
	queue.dev = &disk;
	queue.flags = 1 << NVMEQ_ENABLED;
	queue.qid = 1;
	queue.q_depth = QUEUE_ENTRIES;
	queue.sqes = NVME_NVM_IOSQES;
	queue.sq_cmds = dma_alloc_coherent(dev, SQ_SIZE(&queue), &queue.sq_dma_addr, GFP_KERNEL);
	queue.q_db = ioremap(doorbell, 4);
	queue.descriptor_pools.large = dma_pool_create("pages", dev, 4096, 4096, 0);
	queue.descriptor_pools.small = dma_pool_create("small", dev, 256, 256, 0);
	context.driver_data = &queue;
	limits.limits.max_segment_size = UINT_MAX;
	limits.limits.seg_boundary_mask = ULONG_MAX;
	limits.limits.virt_boundary_mask = sgls ? 0 : NVME_CTRL_PAGE_SIZE - 1;
	limits.limits.max_segments = MOST_SEGMENTS;
	if (disk.dmavec_mempool && queue.sq_cmds && queue.q_db && queue.descriptor_pools.large &&
	    queue.descriptor_pools.small)
		return 0;
	return -ENOMEM;
}

void queue_stop(void)
{
	dma_pool_destroy(queue.descriptor_pools.small);
	dma_pool_destroy(queue.descriptor_pools.large);
	iounmap(queue.q_db);
	dma_free_coherent(disk.dev, SQ_SIZE(&queue), queue.sq_cmds, queue.sq_dma_addr);
	mempool_destroy(disk.dmavec_mempool);
}

void request_start(bool is_write, unsigned long block)
{
	memset(&slot, 0, sizeof(slot));
	memset(&bio, 0, sizeof(bio));
	first_block = block;
	gaps = 0;
	slot.request.q = &limits;
	slot.request.mq_hctx = &context;
	slot.request.cmd_flags = is_write ? REQ_OP_WRITE : REQ_OP_READ;
	slot.request.bio = &bio;
	bio.bi_io_vec = segments;
}

int request_add(unsigned long phys, unsigned int length)
{
	struct bio_vec *segment = &segments[bio.bi_vcnt];

	if (bio.bi_vcnt == MOST_SEGMENTS)
		return -E2BIG;
	if (bio.bi_vcnt > 0)
		gaps |= phys | (last_end & ~PAGE_MASK);
	last_end = phys + length;
	/* The block layer keeps the lowest bit in which a segment does not follow the one before it. */
	if (gaps)
		slot.request.phys_gap_bit = __ffs(gaps) + 1;
	segment->bv_page = pfn_to_page(phys >> PAGE_SHIFT);
	segment->bv_offset = phys & ~PAGE_MASK;
	segment->bv_len = length;
	bio.bi_vcnt++;
	bio.bi_iter.bi_size += length;
	slot.request.__data_len += length;
	slot.request.nr_phys_segments++;
	return 0;
}

static const struct nvme_command *submitted;

unsigned long request_list_bytes(void)
{
	unsigned long left = slot.request.__data_len;

	if (submitted->common.flags & NVME_CMD_SGL_ALL)
		return le32_to_cpu(submitted->common.dptr.sgl.length);
	left -= min(left, SZ_4K - (le64_to_cpu(submitted->common.dptr.prp1) & (SZ_4K - 1)));
	return left > SZ_4K ? min(DIV_ROUND_UP(left, SZ_4K) * 8, SZ_4K) : 0;
}

/* The list that the submitted command leads to, its first page if there are several; 0 without one. */
unsigned long request_list(void)
{
	const struct nvme_sgl_desc *sgl = &submitted->common.dptr.sgl;

	if (!(submitted->common.flags & NVME_CMD_SGL_ALL))
		return request_list_bytes() ? le64_to_cpu(submitted->common.dptr.prp2) : 0;
	return sgl->type == NVME_SGL_FMT_LAST_SEG_DESC << 4 ? le64_to_cpu(sgl->addr) : 0;
}

/* Where the command stands that is submitted. */
unsigned long request_submit(void)
{
	struct blk_mq_queue_data data = { .rq = &slot.request, .last = true };
	u16 tail = queue.sq_tail;

	submitted = queue.sq_cmds + (tail << queue.sqes);
	if (nvme_mq_ops.queue_rq(&context, &data) != BLK_STS_OK)
		return 0;
	return queue.sq_dma_addr + (tail << queue.sqes);
}

void request_complete(void)
{
	nvme_pci_complete_rq(&slot.request);
}
