/*
 * A tree's own NVMe driver on a simulated controller, with this file in place of its core: what the core
 * asks of the controller by admin commands, and reads and writes that a scenario lays out.
 */
#include <linux/blk-integrity.h>
#include <linux/blk-mq.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/version.h>
#include "drivers/nvme/host/nvme.h"

#define FOR_SCENARIOS __attribute__((visibility("default")))
#define MOST_SEGMENTS 128
#define MOST_BIOS 4
#define MOST_METADATA 8
#define MOST_REQUESTS 16
#define READY_STEP_MS 1

struct workqueue_struct *nvme_wq, *nvme_reset_wq, *nvme_delete_wq;
unsigned int admin_timeout = 60, nvme_io_timeout = 30;

static struct nvme_ctrl *bound;

static int register_at(struct nvme_ctrl *ctrl, u32 at)
{
	u32 value = 0;

	ctrl->ops->reg_read32(ctrl, at, &value);
	return value;
}

static int wait_ready(struct nvme_ctrl *ctrl, u32 mask, u32 wanted)
{
	int left = (NVME_CAP_TIMEOUT(ctrl->cap) + 1) * 500;

	while ((register_at(ctrl, NVME_REG_CSTS) & mask) != wanted) {
		if (left-- == 0)
			return -ENODEV;
		msleep(READY_STEP_MS);
	}
	return 0;
}

int nvme_enable_ctrl(struct nvme_ctrl *ctrl)
{
	int error = ctrl->ops->reg_read64(ctrl, NVME_REG_CAP, &ctrl->cap);

	if (error)
		return error;
	ctrl->ctrl_config = NVME_CC_CSS_NVM | NVME_CC_AMS_RR | NVME_CC_SHN_NONE | NVME_CC_IOSQES |
			    NVME_CC_IOCQES;
	error = ctrl->ops->reg_write32(ctrl, NVME_REG_CC, ctrl->ctrl_config);
	if (error)
		return error;
	ctrl->ctrl_config |= NVME_CC_ENABLE;
	error = ctrl->ops->reg_write32(ctrl, NVME_REG_CC, ctrl->ctrl_config);
	return error ? error : wait_ready(ctrl, NVME_CSTS_RDY, NVME_CSTS_RDY);
}

int nvme_disable_ctrl(struct nvme_ctrl *ctrl, bool shutdown)
{
	int error;

	ctrl->ctrl_config &= ~NVME_CC_SHN_MASK;
	if (shutdown)
		ctrl->ctrl_config |= NVME_CC_SHN_NORMAL;
	else
		ctrl->ctrl_config &= ~NVME_CC_ENABLE;
	error = ctrl->ops->reg_write32(ctrl, NVME_REG_CC, ctrl->ctrl_config);
	if (error)
		return error;
	return shutdown ? wait_ready(ctrl, NVME_CSTS_SHST_MASK, NVME_CSTS_SHST_CMPLT)
			: wait_ready(ctrl, NVME_CSTS_RDY, 0);
}

/* Which states follow which. */
static bool follows(enum nvme_ctrl_state old, enum nvme_ctrl_state new)
{
	switch (new) {
	case NVME_CTRL_LIVE:
		return old == NVME_CTRL_CONNECTING;
	case NVME_CTRL_RESETTING:
		return old == NVME_CTRL_NEW || old == NVME_CTRL_LIVE;
	case NVME_CTRL_CONNECTING:
		return old == NVME_CTRL_NEW || old == NVME_CTRL_RESETTING;
	case NVME_CTRL_DELETING:
		return old == NVME_CTRL_LIVE || old == NVME_CTRL_RESETTING || old == NVME_CTRL_CONNECTING;
	case NVME_CTRL_DELETING_NOIO:
		return old == NVME_CTRL_DELETING || old == NVME_CTRL_DEAD;
	case NVME_CTRL_DEAD:
		return old == NVME_CTRL_DELETING;
	default:
		return false;
	}
}

bool nvme_change_ctrl_state(struct nvme_ctrl *ctrl, enum nvme_ctrl_state state)
{
	if (!follows(ctrl->state, state))
		return false;
	ctrl->state = state;
	return true;
}

static void free_ctrl(struct device *dev)
{
	struct nvme_ctrl *ctrl = container_of(dev, struct nvme_ctrl, ctrl_device);

	if (bound == ctrl)
		bound = NULL;
	ctrl->ops->free_ctrl(ctrl);
}

int nvme_init_ctrl(struct nvme_ctrl *ctrl, struct device *dev, const struct nvme_ctrl_ops *ops,
		   unsigned long quirks)
{
	ctrl->state = NVME_CTRL_NEW;
	ctrl->dev = dev;
	ctrl->ops = ops;
	ctrl->quirks = quirks;
	ctrl->numa_node = NUMA_NO_NODE;
	spin_lock_init(&ctrl->lock);
	init_waitqueue_head(&ctrl->state_wq);
	INIT_LIST_HEAD(&ctrl->namespaces);
	device_initialize(&ctrl->ctrl_device);
	ctrl->device = &ctrl->ctrl_device;
	ctrl->device->parent = dev;
	ctrl->device->init_name = "nvme0";
	dev_set_drvdata(ctrl->device, ctrl);
	ctrl->device->release = free_ctrl;
	bound = ctrl;
	return 0;
}

int nvme_add_ctrl(struct nvme_ctrl *ctrl)
{
	nvme_get_ctrl(ctrl);
	return 0;
}

void nvme_uninit_ctrl(struct nvme_ctrl *ctrl)
{
	nvme_put_ctrl(ctrl);
}

static int alloc_set(struct nvme_ctrl *ctrl, struct blk_mq_tag_set *set, const struct blk_mq_ops *ops,
		     unsigned int cmd_size, struct blk_mq_tag_set **kept,
		     struct request_queue **queue)
{
	struct queue_limits limits = {
		.max_segment_size = UINT_MAX,
		.seg_boundary_mask = ULONG_MAX,
		.max_segments = MOST_SEGMENTS,
	};
	int error;

	limits.virt_boundary_mask = NVME_CTRL_PAGE_SIZE - 1;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	if (ctrl->sgls)
		limits.virt_boundary_mask = 0;
#endif
	set->ops = ops;
	set->cmd_size = cmd_size;
	set->driver_data = ctrl;
	set->numa_node = NUMA_NO_NODE;
	error = blk_mq_alloc_tag_set(set);
	if (error)
		return error;
	*queue = blk_mq_alloc_queue(set, &limits, NULL);
	if (!IS_ERR(*queue)) {
		*kept = set;
		return 0;
	}
	error = PTR_ERR(*queue);
	*queue = NULL;
	blk_mq_free_tag_set(set);
	return error;
}

static void free_set(struct blk_mq_tag_set **set, struct request_queue **queue)
{
	blk_mq_destroy_queue(*queue);
	blk_put_queue(*queue);
	*queue = NULL;
	blk_mq_free_tag_set(*set);
	*set = NULL;
}

int nvme_alloc_admin_tag_set(struct nvme_ctrl *ctrl, struct blk_mq_tag_set *set,
			     const struct blk_mq_ops *ops, unsigned int cmd_size)
{
	memset(set, 0, sizeof(*set));
	set->queue_depth = NVME_AQ_MQ_TAG_DEPTH;
	set->nr_hw_queues = 1;
	return alloc_set(ctrl, set, ops, cmd_size, &ctrl->admin_tagset, &ctrl->admin_q);
}

void nvme_remove_admin_tag_set(struct nvme_ctrl *ctrl)
{
	free_set(&ctrl->admin_tagset, &ctrl->admin_q);
}

/* Reads and writes take the place of the queue by which fabrics connect. */
int nvme_alloc_io_tag_set(struct nvme_ctrl *ctrl, struct blk_mq_tag_set *set,
			  const struct blk_mq_ops *ops, unsigned int nr_maps, unsigned int cmd_size)
{
	memset(set, 0, sizeof(*set));
	set->queue_depth = min_t(unsigned int, ctrl->sqsize, BLK_MQ_MAX_DEPTH - 1);
	set->nr_hw_queues = ctrl->queue_count - 1;
	set->nr_maps = nr_maps;
	return alloc_set(ctrl, set, ops, cmd_size, &ctrl->tagset, &ctrl->connect_q);
}

void nvme_remove_io_tag_set(struct nvme_ctrl *ctrl)
{
	free_set(&ctrl->tagset, &ctrl->connect_q);
}

void nvme_init_request(struct request *req, struct nvme_command *cmd)
{
	req->rq_flags |= RQF_DONTPREP;
	nvme_req(req)->flags = 0;
	nvme_req(req)->status = 0;
	memcpy(nvme_req(req)->cmd, cmd, sizeof(*cmd));
}

blk_status_t nvme_setup_cmd(struct nvme_ns *ns, struct request *req)
{
	nvme_req(req)->genctr++;
	nvme_req(req)->cmd->common.command_id = nvme_cid(req);
	return BLK_STS_OK;
}

static struct {
	struct bio bios[MOST_BIOS];
	struct bio *last;
	struct bio_vec segments[MOST_SEGMENTS];
	struct bio_integrity_payload payloads[MOST_BIOS];
	struct bio_vec metadata[MOST_BIOS][MOST_METADATA];
	unsigned int count, bytes, metadata_count;
	unsigned long gaps, end;
	bool is_write;
	u64 block;
	u8 flags;
	bool is_users, is_polled;
} next;

static int add_piece(unsigned long phys, unsigned int length)
{
	struct bio_vec *segment = &next.segments[next.count];

	if (next.count == MOST_SEGMENTS)
		return -E2BIG;
	if (next.count++ > 0)
		next.gaps |= phys | (next.end & ~PAGE_MASK);
	next.end = phys + length;
	next.bytes += length;
	segment->bv_page = pfn_to_page(phys >> PAGE_SHIFT);
	segment->bv_offset = phys & ~PAGE_MASK;
	segment->bv_len = length;
	next.last->bi_vcnt++;
	next.last->bi_iter.bi_size += length;
	return 0;
}

static void begin(void)
{
	memset(&next, 0, sizeof(next));
	next.last = next.bios;
	next.last->bi_io_vec = next.segments;
}

/* What is added from now on is in another bio of the same request, as where the block layer has joined two. */
FOR_SCENARIOS int request_bio(void)
{
	struct bio *bio = next.last + 1;

	if (!next.last->bi_vcnt)
		return 0;
	if (bio == next.bios + MOST_BIOS)
		return -E2BIG;
	bio->bi_io_vec = &next.segments[next.count];
	next.last->bi_next = bio;
	next.last = bio;
	return 0;
}

/* A request of a command and the pieces of data and metadata that were added. */
static struct request *laid_out(struct request_queue *q, struct nvme_command *cmd, blk_opf_t op)
{
	struct request *rq = blk_mq_alloc_request(q, op, 0);

	if (IS_ERR(rq))
		return rq;
	nvme_init_request(rq, cmd);
	if (next.is_users)
		nvme_req(rq)->flags |= NVME_REQ_USERCMD;
	if (next.count) {
		rq->bio = next.bios;
		rq->biotail = next.last;
		rq->__data_len = next.bytes;
		rq->nr_phys_segments = next.count;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
		/* The block layer keeps the lowest bit in which a segment does not follow the one before it. */
		rq->phys_gap_bit = next.gaps ? __ffs(next.gaps) + 1 : 0;
#endif
	}
	if (next.metadata_count) {
		rq->cmd_flags |= REQ_INTEGRITY;
		rq->nr_integrity_segments = next.metadata_count;
	}
	return rq;
}

/* Sends it. A status of the controller, or an error. */
static int runs(struct request_queue *q, struct nvme_command *cmd, enum req_op op, union nvme_result *result)
{
	struct request *rq = laid_out(q, cmd, next.is_polled ? op | REQ_POLLED : op);
	blk_status_t status;
	int answer;

	if (IS_ERR(rq))
		return PTR_ERR(rq);
	status = blk_execute_rq(rq, false);
	answer = nvme_req(rq)->status;
	next.flags = nvme_req(rq)->cmd->common.flags;
	if (result)
		*result = nvme_req(rq)->result;
	if (!answer && status != BLK_STS_OK)
		answer = status == BLK_STS_RESOURCE ? -ENOMEM : -EIO;
	blk_mq_free_request(rq);
	return answer;
}

static int submit(struct request_queue *q, struct nvme_command *cmd, union nvme_result *result,
		  void *data, unsigned int bytes)
{
	begin();
	if (bytes)
		add_piece(virt_to_phys(data), bytes);
	return runs(q, cmd, nvme_req_op(cmd), result);
}

int nvme_submit_sync_cmd(struct request_queue *q, struct nvme_command *cmd, void *data,
			 unsigned int bytes)
{
	return submit(q, cmd, NULL, data, bytes);
}

int nvme_set_queue_count(struct nvme_ctrl *ctrl, int *count)
{
	u32 wanted = (*count - 1) | ((*count - 1) << 16);
	struct nvme_command cmd = { .features = { .opcode = nvme_admin_set_features,
						  .fid = cpu_to_le32(NVME_FEAT_NUM_QUEUES),
						  .dword11 = cpu_to_le32(wanted) } };
	union nvme_result result;
	int status = submit(ctrl->admin_q, &cmd, &result, NULL, 0);

	if (status < 0)
		return status;
	if (status > 0) {
		*count = 0;
		return 0;
	}
	*count = min3(*count, (int)(le32_to_cpu(result.u32) & 0xffff) + 1,
		      (int)(le32_to_cpu(result.u32) >> 16) + 1);
	return 0;
}

int nvme_init_ctrl_finish(struct nvme_ctrl *ctrl, bool was_suspended)
{
	struct nvme_command cmd = { .identify = { .opcode = nvme_admin_identify,
						  .cns = NVME_ID_CNS_CTRL } };
	struct nvme_id_ctrl *id = kzalloc(sizeof(*id), GFP_KERNEL);
	int status;

	if (!id)
		return -ENOMEM;
	status = submit(ctrl->admin_q, &cmd, NULL, id, sizeof(*id));
	if (!status) {
		ctrl->vs = register_at(ctrl, NVME_REG_VS);
		ctrl->sqsize = min_t(u16, NVME_CAP_MQES(ctrl->cap), ctrl->sqsize);
		ctrl->sgls = le32_to_cpu(id->sgls);
		ctrl->oacs = le16_to_cpu(id->oacs);
		ctrl->vwc = id->vwc;
		ctrl->npss = id->npss;
		atomic_set(&ctrl->abort_limit, id->acl + 1);
		ctrl->hmpre = le32_to_cpu(id->hmpre);
		ctrl->hmmin = le32_to_cpu(id->hmmin);
		ctrl->hmminds = le32_to_cpu(id->hmminds);
		ctrl->hmmaxd = le16_to_cpu(id->hmmaxd);
		ctrl->identified = true;
	}
	kfree(id);
	return status > 0 ? -EIO : status;
}

void nvme_complete_rq(struct request *req)
{
	blk_mq_end_request(req, nvme_req(req)->status ? BLK_STS_IOERR : BLK_STS_OK);
}

void nvme_complete_batch_req(struct request *req)
{
}

bool __nvme_check_ready(struct nvme_ctrl *ctrl, struct request *rq, bool queue_live,
			enum nvme_ctrl_state state)
{
	return queue_live;
}

blk_status_t nvme_fail_nonready_command(struct nvme_ctrl *ctrl, struct request *rq)
{
	return BLK_STS_RESOURCE;
}

static bool cancel(struct request *req, void *data)
{
	nvme_req(req)->status = NVME_SC_HOST_ABORTED_CMD;
	nvme_req(req)->flags |= NVME_REQ_CANCELLED;
	blk_mq_complete_request(req);
	return true;
}

void nvme_cancel_tagset(struct nvme_ctrl *ctrl)
{
	if (ctrl->tagset)
		blk_mq_tagset_busy_iter(ctrl->tagset, cancel, ctrl);
}

void nvme_cancel_admin_tagset(struct nvme_ctrl *ctrl)
{
	if (ctrl->admin_tagset)
		blk_mq_tagset_busy_iter(ctrl->admin_tagset, cancel, ctrl);
}

void nvme_complete_async_event(struct nvme_ctrl *ctrl, __le16 status, volatile union nvme_result *result)
{
}

/* The controller is left a command that it answers when something happens to it. */
void nvme_start_ctrl(struct nvme_ctrl *ctrl)
{
	ctrl->ops->submit_async_event(ctrl);
}

int nvme_try_sched_reset(struct nvme_ctrl *ctrl)
{
	if (ctrl->state != NVME_CTRL_RESETTING)
		return -EBUSY;
	return queue_work(nvme_reset_wq, &ctrl->reset_work) ? 0 : -EBUSY;
}

int nvme_reset_ctrl(struct nvme_ctrl *ctrl)
{
	if (!nvme_change_ctrl_state(ctrl, NVME_CTRL_RESETTING))
		return -EBUSY;
	return nvme_try_sched_reset(ctrl);
}

/* Nothing else resets it meanwhile. */
bool nvme_wait_reset(struct nvme_ctrl *ctrl)
{
	return nvme_change_ctrl_state(ctrl, NVME_CTRL_RESETTING) || ctrl->state == NVME_CTRL_RESETTING;
}

/* No request waits outside the driver, and no namespace is found: there is nothing to hold back or to end. */
#define NOTHING(name) void name(struct nvme_ctrl *ctrl) { }
NOTHING(nvme_stop_ctrl)
NOTHING(nvme_quiesce_io_queues)
NOTHING(nvme_unquiesce_io_queues)
NOTHING(nvme_quiesce_admin_queue)
NOTHING(nvme_unquiesce_admin_queue)
NOTHING(nvme_start_freeze)
NOTHING(nvme_wait_freeze)
NOTHING(nvme_unfreeze)
NOTHING(nvme_sync_queues)
NOTHING(nvme_remove_namespaces)
NOTHING(nvme_mark_namespaces_dead)

void nvme_cleanup_cmd(struct request *req)
{
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
int nvme_wait_freeze_timeout(struct nvme_ctrl *ctrl)
#else
int nvme_wait_freeze_timeout(struct nvme_ctrl *ctrl, long ticks)
#endif
{
	return 1;
}

/* Resets the controller, and waits until it is live again. */
FOR_SCENARIOS int reset(void)
{
	if (!bound || nvme_reset_ctrl(bound))
		return -EBUSY;
	flush_work(&bound->reset_work);
	return bound->state == NVME_CTRL_LIVE ? 0 : -EIO;
}

FOR_SCENARIOS void request_start(bool is_write, unsigned long block)
{
	begin();
	next.is_write = is_write;
	next.block = block;
}

/* A program's own command, whose data and metadata only it knows. */
FOR_SCENARIOS void request_of_user(void)
{
	next.is_users = true;
}

/* Its end is asked for, and raises no interrupt, where a queue is for such requests. */
FOR_SCENARIOS void request_polled(void)
{
	next.is_polled = true;
}

FOR_SCENARIOS int request_add(unsigned long phys, unsigned int length)
{
	return add_piece(phys, length);
}

/* How the command that was sent last described its data: 0 by PRPs, 0x40 by an SGL. */
FOR_SCENARIOS int request_format(void)
{
	return next.flags & NVME_CMD_SGL_ALL;
}

/* Metadata of the bio that was begun last. */
FOR_SCENARIOS int request_metadata(unsigned long phys, unsigned int length)
{
	unsigned int bio = next.last - next.bios;
	struct bio_integrity_payload *payload = &next.payloads[bio];
	struct bio_vec *segment = &next.metadata[bio][payload->bip_vcnt];

	if (payload->bip_vcnt == MOST_METADATA)
		return -E2BIG;
	segment->bv_page = pfn_to_page(phys >> PAGE_SHIFT);
	segment->bv_offset = phys & ~PAGE_MASK;
	segment->bv_len = length;
	payload->bip_vec = next.metadata[bio];
	payload->bip_vcnt++;
	payload->bip_iter.bi_size += length;
	next.last->bi_integrity = payload;
	next.last->bi_opf |= REQ_INTEGRITY;
	next.metadata_count++;
	return 0;
}

static enum req_op next_op(void)
{
	return next.is_write ? REQ_OP_WRITE : REQ_OP_READ;
}

static struct nvme_command next_command(void)
{
	return (struct nvme_command) {
		.rw = {
			.opcode = next.is_write ? nvme_cmd_write : nvme_cmd_read,
			.nsid = cpu_to_le32(1),
			.slba = cpu_to_le64(next.block),
			.length = cpu_to_le16((next.bytes >> 9) - 1),
		},
	};
}

/* Sends what was laid out, and waits for its end: 0, a status of the controller, or an error. */
FOR_SCENARIOS int request_run(void)
{
	struct nvme_command cmd = next_command();

	if (!bound || !bound->connect_q)
		return -ENODEV;
	return runs(bound->connect_q, &cmd, next_op(), NULL);
}

/* Requests that were sent and have not ended. */
static unsigned int in_flight;
static struct completion all_ended;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
static enum rq_end_io_ret has_ended(struct request *rq, blk_status_t status,
				    const struct io_comp_batch *batch)
#else
static enum rq_end_io_ret has_ended(struct request *rq, blk_status_t status)
#endif
{
	if (--in_flight == 0)
		complete(&all_ended);
	return RQ_END_IO_FREE;
}

static struct request *watched(void)
{
	struct nvme_command cmd = next_command();
	struct request *rq = laid_out(bound->connect_q, &cmd, next_op());

	if (IS_ERR(rq))
		return rq;
	if (in_flight++ == 0)
		init_completion(&all_ended);
	rq->end_io = has_ended;
	return rq;
}

/* Sends what was laid out several times, as one list. How many requests the driver took, or an error. */
FOR_SCENARIOS int request_batch(unsigned int count)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	struct rq_list list = {};
	struct request *rq;
	unsigned int taken = 0;

	if (!bound || !bound->connect_q || count > MOST_REQUESTS)
		return -ENODEV;
	for (; taken < count; taken++) {
		rq = watched();
		if (IS_ERR(rq))
			break;
		rq_list_add_tail(&list, rq);
	}
	if (!taken)
		return -EBUSY;
	bound->connect_q->mq_ops->queue_rqs(&list);
	while ((rq = rq_list_pop(&list))) {
		taken--;
		blk_mq_end_request(rq, BLK_STS_IOERR);
	}
	wait_for_completion(&all_ended);
	return taken;
#else
	return -EOPNOTSUPP;
#endif
}

/* Sends what was laid out, without a doorbell for it, and then says that nothing follows. */
FOR_SCENARIOS int request_committed(void)
{
	struct blk_mq_queue_data data = { .last = false };
	struct request *rq;
	blk_status_t status;

	if (!bound || !bound->connect_q)
		return -ENODEV;
	rq = watched();
	if (IS_ERR(rq))
		return PTR_ERR(rq);
	data.rq = rq;
	status = rq->q->mq_ops->queue_rq(rq->mq_hctx, &data);
	if (status != BLK_STS_OK)
		blk_mq_end_request(rq, status);
	else
		rq->q->mq_ops->commit_rqs(rq->mq_hctx);
	wait_for_completion(&all_ended);
	return status == BLK_STS_OK ? 0 : -EIO;
}

/*
 * Hands what was laid out to the driver, and has its time run out so many times before the controller gets to
 * know of it. 0 where the controller is live then.
 */
FOR_SCENARIOS int request_expires(unsigned int times)
{
	struct blk_mq_queue_data data = { .last = false };
	struct blk_mq_hw_ctx *hctx;
	struct request *rq;

	if (!bound || !bound->connect_q)
		return -ENODEV;
	rq = watched();
	if (IS_ERR(rq))
		return PTR_ERR(rq);
	data.rq = rq;
	hctx = rq->mq_hctx;
	if (rq->q->mq_ops->queue_rq(hctx, &data) != BLK_STS_OK) {
		blk_mq_end_request(rq, BLK_STS_IOERR);
		return -EIO;
	}
	while (in_flight && times-- > 0)
		hctx->queue->mq_ops->timeout(rq);
	flush_work(&bound->reset_work);
	if (in_flight)
		hctx->queue->mq_ops->commit_rqs(hctx);
	wait_for_completion(&all_ended);
	return bound->state == NVME_CTRL_LIVE ? 0 : -EIO;
}

/* The core has brought it into a state, by the number that the tree has for it. */
FOR_SCENARIOS void enter_state(unsigned int state)
{
	bound->state = state;
}

/* The work of a reset runs, and nobody has asked for it. */
FOR_SCENARIOS void reset_unasked(void)
{
	queue_work(nvme_reset_wq, &bound->reset_work);
	flush_work(&bound->reset_work);
}

/* What the core asks when it describes the controller. */
FOR_SCENARIOS int describe_controller(void)
{
	static struct nvme_subsystem subsystem;

	bound->subsys = &subsystem;
	bound->ops->print_device_info(bound);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	bound->ops->get_virt_boundary(bound, false);
#endif
	return bound->ops->supports_pci_p2pdma(bound);
}

/* The parameters of the module: the linker knows where they begin and end. */
extern const struct kernel_param __start___param[], __stop___param[];

int param_set_uint(const char *value, const struct kernel_param *param)
{
	return kstrtouint(value, 0, param->arg);
}

int param_set_uint_minmax(const char *value, const struct kernel_param *param, unsigned int min,
			  unsigned int max)
{
	unsigned int number;
	int error = kstrtouint(value, 0, &number);

	if (error || number < min || number > max)
		return error ? error : -EINVAL;
	*(unsigned int *)param->arg = number;
	return 0;
}

/* Sets a parameter, as before the module is loaded. Those without a function of the driver are numbers. */
static int set_parameter(const char *name, const char *value)
{
	const unsigned long *at = (const unsigned long *)__start___param;
	const unsigned long *end = (const unsigned long *)__stop___param;

	while (at < end) {
		const struct kernel_param *param = (const void *)at;

		/* Between two of them is room, of zeroes. */
		if (!*at) {
			at++;
			continue;
		}
		if (!strcmp(param->name, name))
			return param->ops->set ? param->ops->set(value, param)
					       : param_set_uint(value, param);
		at = (const unsigned long *)(param + 1);
	}
	return -ENOENT;
}

#define PARAMETER(name) \
	FOR_SCENARIOS int set_##name(unsigned int value) \
	{ \
		char text[16]; \
		\
		snprintf(text, sizeof(text), "%u", value); \
		return set_parameter(#name, text); \
	}
PARAMETER(io_queue_depth)
PARAMETER(write_queues)
PARAMETER(poll_queues)
PARAMETER(use_threaded_interrupts)
PARAMETER(max_host_mem_size_mb)

/* What a user knows of devices: a right list, or one that has a wrong name. */
FOR_SCENARIOS int set_quirks(bool is_right)
{
	return set_parameter("quirks", is_right ? "8086:0953:bogus_nid,^identify_cns-1234:5678:broken_msi"
						: "8086:0953:none_such");
}

static struct pci_driver *bus_driver(void)
{
	return to_pci_driver(bound->dev->driver);
}

/* What the system does to all devices before it sleeps, and after it. */
FOR_SCENARIOS int suspend(void)
{
	return bus_driver()->driver.pm->suspend(bound->dev);
}

FOR_SCENARIOS int resume(void)
{
	int error = bus_driver()->driver.pm->resume(bound->dev);

	flush_work(&bound->reset_work);
	return error;
}

static bool links_sleep;

bool pcie_aspm_enabled(struct pci_dev *pdev)
{
	return links_sleep;
}

bool pci_suspend_retains_context(struct pci_dev *pdev)
{
	return links_sleep;
}

static int power_feature(struct nvme_ctrl *ctrl, u8 opcode, u32 value, u32 *result)
{
	struct nvme_command cmd = { .features = { .opcode = opcode,
						  .fid = cpu_to_le32(NVME_FEAT_POWER_MGMT),
						  .dword11 = cpu_to_le32(value) } };
	union nvme_result answer = {};
	int status = submit(ctrl->admin_q, &cmd, &answer, NULL, 0);

	if (!status && result)
		*result = le32_to_cpu(answer.u32);
	return status;
}

/* The type of the result of nvme_get_features() and nvme_set_features(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
typedef void feature_value;
#else
typedef u32 feature_value;
#endif

int nvme_get_features(struct nvme_ctrl *ctrl, unsigned int fid, unsigned int value, void *data,
		      size_t bytes, feature_value *result)
{
	return power_feature(ctrl, nvme_admin_get_features, value, result);
}

int nvme_set_features(struct nvme_ctrl *ctrl, unsigned int fid, unsigned int value, void *data,
		      size_t bytes, feature_value *result)
{
	return power_feature(ctrl, nvme_admin_set_features, value, result);
}

/* The system sleeps with the links' power saved: the driver leaves it the deepest of so many power states. */
FOR_SCENARIOS int suspend_to_idle(unsigned int states)
{
	links_sleep = true;
	bound->npss = states;
	return bus_driver()->driver.pm->suspend(bound->dev);
}

/* The same around an image of memory. */
FOR_SCENARIOS int freeze(void)
{
	return bus_driver()->driver.pm->freeze(bound->dev);
}

FOR_SCENARIOS int thaw(void)
{
	int error = bus_driver()->driver.pm->thaw(bound->dev);

	flush_work(&bound->reset_work);
	return error;
}

FOR_SCENARIOS void power_off(void)
{
	bus_driver()->shutdown(to_pci_dev(bound->dev));
}

/* The bus resets the function. */
FOR_SCENARIOS void function_reset(void)
{
	const struct pci_error_handlers *handlers = bus_driver()->err_handler;

	handlers->reset_prepare(to_pci_dev(bound->dev));
	handlers->reset_done(to_pci_dev(bound->dev));
	flush_work(&bound->reset_work);
}

/* The bus reports an error: 1 it goes on, 2 it stands still, 3 the device is lost. What the driver answers. */
FOR_SCENARIOS int bus_error(unsigned int state)
{
	const struct pci_error_handlers *handlers = bus_driver()->err_handler;
	struct pci_dev *pdev = to_pci_dev(bound->dev);
	pci_ers_result_t answer = handlers->error_detected(pdev, (__force pci_channel_state_t)state);

	if (answer == PCI_ERS_RESULT_NEED_RESET) {
		handlers->slot_reset(pdev);
		handlers->resume(pdev);
	}
	flush_work(&bound->reset_work);
	return (__force int)answer;
}

/* The core has the transport reset the whole subsystem. */
FOR_SCENARIOS int subsystem_reset(void)
{
	int error = bound->ops->subsystem_reset(bound);

	flush_work(&bound->reset_work);
	return error;
}

/* Reads each attribute that the driver has in sysfs. How many there are. */
FOR_SCENARIOS int attributes(void)
{
	const struct attribute_group **group = bound->ops->dev_attr_groups;
	char *page = (char *)get_zeroed_page(GFP_KERNEL);
	struct attribute **at;
	int count = 0;

	if (!page)
		return -ENOMEM;
	for (; *group; group++) {
		for (at = (*group)->attrs; at && *at; at++) {
			struct device_attribute *attr = container_of(*at, struct device_attribute, attr);

			if ((*group)->is_visible &&
			    !(*group)->is_visible(&bound->device->kobj, *at, count))
				continue;
			count++;
			if (attr->show)
				attr->show(bound->device, attr, page);
		}
	}
	free_page((unsigned long)page);
	return count;
}

/* Writes an attribute that can be switched: the host memory buffer. */
FOR_SCENARIOS int switch_host_memory(bool on)
{
	const struct attribute_group **group = bound->ops->dev_attr_groups;
	struct attribute **at;

	for (; *group; group++) {
		for (at = (*group)->attrs; at && *at; at++) {
			struct device_attribute *attr = container_of(*at, struct device_attribute, attr);

			if (!strcmp((*at)->name, "hmb"))
				return attr->store(bound->device, attr, on ? "1" : "0", 1);
		}
	}
	return -ENOENT;
}
